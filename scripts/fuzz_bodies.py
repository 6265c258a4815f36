"""Fuzz the guards for JSON and multipart with atheris: `python -m scripts.fuzz_bodies json -max_total_time=60`.

The other target is `multipart`. Ends with a crash when a guard raises anything of its own, takes a JSON document that
the standard library reads otherwise or whose keys come twice, judges a form by how it is cut into chunks, takes one
that python-multipart cuts into other parts, or hands an upload other bytes than those.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # built for few versions

with atheris.instrument_imports(
    include=["garrison.core.json_guard", "garrison.core.multipart", "garrison.inputs.uploads.form"]
):
    from garrison.core.json_guard import JsonLimits, JsonRefused, loads
    from garrison.core.multipart import Multipart
    from garrison.inputs.uploads.form import FileBegins, FormReader
    from garrison.inputs.uploads.refused import UploadRefused

from python_multipart.multipart import MultipartParser

from garrison.policy.section_body import BodySection

BOUNDARY = b"b0undary"
LIMITS = JsonLimits(size=100_000, depth=20, values=2000, keys=500, digits=40)
SECTION = BodySection(fields=20, files=5, name=50, value=500, part_headers=300)
PIECES = (
    b"--" + BOUNDARY, b"--", b"\r\n", b"\n", b"\r", b'Content-Disposition: form-data; name="a"', b'; filename="b"',
    b"\r\n\r\n", b"--" + BOUNDARY + b"--", b"Content-Type: text/plain", b": ",
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n',
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="c"\r\n\r\n',
    b"\r\n--" + BOUNDARY + b"\r\n", b"\r\n--" + BOUNDARY + b"--\r\n",
)  # fmt: skip


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise AssertionError("a key came twice")
    return dict(pairs)


def json_guard(data: bytes) -> None:
    try:
        value = loads(data, LIMITS)
    except JsonRefused:
        return
    if repr(json.loads(data, object_pairs_hook=_no_twins)) != repr(value):
        raise AssertionError("read in two ways")


def multipart_guard(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    size, ahead = source.ConsumeIntInRange(1, 64), source.ConsumeBool()
    parts = []
    while source.remaining_bytes():
        at = source.ConsumeIntInRange(0, len(PIECES) * 2)
        parts.append(PIECES[at] if at < len(PIECES) else source.ConsumeBytes(source.ConsumeIntInRange(0, 12)))
    body = b"".join(parts)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    whole = Multipart(BOUNDARY, SECTION, len(body))
    why = whole.feed(body)
    cut = Multipart(BOUNDARY, SECTION, len(body))
    told = next(filter(None, map(cut.feed, chunks)), "")
    if bool(why) != bool(told):  # which of two faults is met first may depend on the cut
        raise AssertionError(f"whole {why!r}, in chunks {told!r}")
    if body and not why:
        expected = _other_reading(body)
        seen = [body[part.begin : part.end] for part in whole.parts]
        if seen != expected:
            raise AssertionError(f"we see {seen}, another parser {expected}")
        _compare(whole, expected, chunks, ahead=ahead)


def _other_reading(body: bytes) -> list[bytes]:
    """The contents of the parts, as python-multipart cuts them."""
    found: list[bytes] = []
    ends: list[str] = []

    def add(data: bytes, start: int, end: int) -> None:
        found[-1] += data[start:end]

    told: Any = {
        "on_part_begin": lambda: found.append(b""),
        "on_part_data": add,
        "on_end": lambda: ends.append("end"),
    }
    MultipartParser(BOUNDARY, told).write(body)
    if ends != ["end"]:
        raise AssertionError("another parser sees no end")
    return found


def _compare(whole: Multipart, expected: list[bytes], chunks: list[bytes], *, ahead: bool) -> None:
    """An upload takes the same bytes out of the form, also where the layer's reading is ahead of it."""
    reader = FormReader(whole if ahead else Multipart(BOUNDARY, SECTION, whole.seen), "a", judged=ahead)
    taken, begun = b"", 0
    try:
        for chunk in chunks:
            for piece in reader.read(chunk):
                if isinstance(piece, FileBegins):
                    begun += 1
                else:
                    taken += piece
        reader.finish()
    except UploadRefused:
        return
    files = [text for part, text in zip(whole.parts, expected, strict=True) if part.filename is not None]
    fields = {
        part.name.decode(): text.decode("utf-8", "replace")
        for part, text in zip(whole.parts, expected, strict=True)
        if part.filename is None
    }
    if [taken] != files or begun != 1 or reader.fields != fields:
        raise AssertionError(f"taken {taken!r} and {reader.fields}, of {files} and {fields}")


if __name__ == "__main__":
    target = {"json": json_guard, "multipart": multipart_guard}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
