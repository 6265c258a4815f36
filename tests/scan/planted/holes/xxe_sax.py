import xml.sax
from xml.sax.handler import ContentHandler, feature_external_ges


def read(path: str) -> None:
    parser = xml.sax.make_parser()
    parser.setFeature(feature_external_ges, True)
    parser.setContentHandler(ContentHandler())
    parser.parse(path)
