"""Fuzz the guards for JSON and multipart with atheris: `python -m scripts.fuzz_bodies json -max_total_time=60`.

The other target is `multipart`. Ends with a crash when a guard raises anything of its own, takes a JSON document that
the standard library reads otherwise or whose keys come twice, judges a form by how it is cut into chunks, or takes one
that python-multipart cuts into other parts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # built for few versions

with atheris.instrument_imports(include=["garrison.core.json_guard", "garrison.layers.body_multipart"]):
    from garrison.core.json_guard import JsonLimits, JsonRefused, loads
    from garrison.layers.body_multipart import Multipart

from python_multipart.multipart import MultipartParser

from garrison.policy.section_body import BodySection

BOUNDARY = b"b0undary"
LIMITS = JsonLimits(size=100_000, depth=20, values=2000, keys=500, digits=40)
SECTION = BodySection(fields=20, files=5, name=50, value=500, part_headers=300)
PIECES = (
    b"--" + BOUNDARY, b"--", b"\r\n", b"\n", b"\r", b'Content-Disposition: form-data; name="a"', b'; filename="b"',
    b"\r\n\r\n", b"--" + BOUNDARY + b"--", b"Content-Type: text/plain", b": ",
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
    size = source.ConsumeIntInRange(1, 64)
    parts = []
    while source.remaining_bytes():
        at = source.ConsumeIntInRange(0, len(PIECES) * 2)
        parts.append(PIECES[at] if at < len(PIECES) else source.ConsumeBytes(source.ConsumeIntInRange(0, 12)))
    body = b"".join(parts)
    whole = Multipart(BOUNDARY, SECTION, len(body))
    why = whole.feed(body)
    cut = Multipart(BOUNDARY, SECTION, len(body))
    told = next(filter(None, (cut.feed(body[at : at + size]) for at in range(0, len(body), size))), "")
    if bool(why) != bool(told):  # which of two faults is met first may depend on the cut
        raise AssertionError(f"whole {why!r}, in chunks {told!r}")
    if body and not why:
        _compare(body, whole)


def _compare(body: bytes, form: Multipart) -> None:
    seen: list[str] = []
    told: Any = {"on_part_begin": lambda: seen.append("part"), "on_end": lambda: seen.append("end")}
    parser = MultipartParser(BOUNDARY, told)
    parser.write(body)
    if seen != ["part"] * (form._fields + form._files) + ["end"]:
        raise AssertionError(f"another parser sees {seen}")


if __name__ == "__main__":
    target = {"json": json_guard, "multipart": multipart_guard}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
