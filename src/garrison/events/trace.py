"""The trace a request belongs to: W3C Trace Context, `traceparent` (section 3.2).

A client writes this header, so it is only ever a label: it is validated to hex digits, never trusted and never used as
a key for anything but looking up.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.DOTALL)


class Trace(NamedTuple):
    """Ids of the trace and of the caller's span, lower-case hex; both empty when there is no valid header."""

    trace_id: str = ""
    span_id: str = ""


def parse_traceparent(value: bytes) -> Trace:
    """The ids in a `traceparent` value; empty ones for anything the recommendation calls invalid."""
    match = _PARENT.fullmatch(value)
    if match is None:
        return Trace()
    version, trace, span, more = match.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return Trace()
    if not trace.strip(b"0") or not span.strip(b"0"):
        return Trace()
    return Trace(trace.decode("ascii"), span.decode("ascii"))
