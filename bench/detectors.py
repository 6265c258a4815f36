"""Compare what tells files apart: libmagic as `garrison.inputs.uploads` asks it, and others where they are installed.

`python -m bench.detectors` prints, for each, how many of the corpus's genuine files it gets right and what it takes.
The decision (docs/decisions/0009-libmagic.md) rests on these figures. `pip install puremagic magika` for the others;
they are no dependencies.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from garrison.inputs.uploads import KINDS
from garrison.inputs.uploads.detect import detector
from garrison.inputs.uploads.names import kind_of
from tests.inputs.uploads import builders as b
from tests.inputs.uploads.corpus import cases

Detect = Callable[[bytes], str]
STRANGERS = {
    "text/html": (b.HTML, b"  \n<html><body>", b"\xef\xbb\xbf<!DOCTYPE HTML><title>x</title>"),
    "image/svg+xml": (b.SVG, b.SVG_SCRIPT),
    "application/pdf": (b.PDF, b.PDF_SCRIPT),
}
"""What must be noticed besides what may be allowed."""


def labelled() -> Iterator[tuple[bytes, frozenset[str]]]:
    """Files, and the media types that are right for each. Text is right as any text."""
    kinds = {extension: kind for kind in KINDS.values() for extension in kind.extensions}
    for case in cases():
        if case.label == "good":
            kind = kind_of(case.name, kinds)
            yield case.data, frozenset({"text/", "application/json"}) if kind.family == "text" else kind.found
    for media, files in STRANGERS.items():
        for data in files:
            yield data, frozenset({media})


def detectors() -> Iterator[tuple[str, Detect]]:
    yield "libmagic", detector().media_type
    if find_spec("puremagic"):
        puremagic = importlib.import_module("puremagic")

        def pure(data: bytes) -> str:
            try:
                return str(puremagic.from_string(data, mime=True))
            except puremagic.PureError:
                return ""

        yield "puremagic", pure
    if find_spec("magika"):
        magika = importlib.import_module("magika").Magika()
        yield "magika", lambda data: str(magika.identify_bytes(data).output.mime_type)


def main() -> None:
    files = list(labelled())
    for name, detect in detectors():
        start = time.perf_counter()
        found = [detect(data) for data, _ in files]
        each = (time.perf_counter() - start) / len(files) * 1000
        pairs = zip(found, files, strict=True)
        right = sum(any(answer.startswith(one) for one in wanted) for answer, (_, wanted) in pairs)
        print(f"{name}: {right} of {len(files)} right, {each:.2f} ms a file")


if __name__ == "__main__":
    main()
