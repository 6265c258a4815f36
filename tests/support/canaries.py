"""Canaries: secrets made for a test, and the search for them in what was written, however they are spelt."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from html import escape
from urllib.parse import quote


def spellings(canary: str) -> Iterator[bytes]:
    """As it is, and in hexadecimal, URL, JSON, HTML and base64, wherever in a longer text it stands."""
    raw = canary.encode()
    yield raw
    yield raw.hex().encode()
    yield quote(canary, safe="").encode()
    yield json.dumps(canary)[1:-1].encode()
    yield escape(canary).encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
        yield text
        yield text.replace(b"+", b"-").replace(b"/", b"_")


def leaked(written: bytes, canaries: Mapping[str, str]) -> list[str]:
    """Where the canaries were planted that `written` has."""
    return [where for where, canary in canaries.items() if any(text in written for text in spellings(canary))]


def crash_report(test: str, work: Callable[[], object]) -> str:
    """What `work` gives, or what a crash reporter sends: every frame with its local names, but for those of the file
    `test`, which has the canaries."""
    try:
        return str(work())
    except Exception as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        found.stack = traceback.StackSummary.from_list([one for one in found.stack if one.filename != test])
        return "".join(found.format())
