from defusedxml import sax
from xml.sax.handler import ContentHandler


def read(path: str) -> None:
    sax.parse(path, ContentHandler())
