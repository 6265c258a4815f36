"""The mark of a drill: a request that simulates an attack says so, and only whoever has the root key can say it.

Threat: an attacker who marks his attack as an exercise, so that nobody is called and nothing follows. So the mark is
signed, for one request (method, host, path and query) and for a minute; what is marked is counted apart from what is
not, so that a drill can't be mixed with an attack either. A mark that does not hold is as good as none.

Assumption: the operator's machine and the application agree about the time, within half of `LIFE`. Lets pass: who sees
a drill's request on the wire can send the same request again within a minute, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from .ports import Sign

HEADER: Final = b"garrison-drill"
PURPOSE: Final = "drill"
LIFE: Final = 60.0
"""Seconds for which a mark holds at most."""
_ID: Final = re.compile(r"d[0-9a-f]{12}")
_VALUE: Final = re.compile(rb"(d[0-9a-f]{12})\.([0-9]{10,12})\.([\x21-\x7e]{20,200})")

FindDrill = Callable[[str, Mapping[bytes, bytes], bytes, bytes], str]
"""`(method, headers, raw path, query) -> id of the drill`, "" for none. The header must not have come twice."""


def is_drill(name: str) -> bool:
    """Whether that can be the id of a drill."""
    return _ID.fullmatch(name) is not None


def mark(sign: Sign, name: str, now: float, method: str, host: str, path: str, query: str = "") -> str:
    """The header's value for one request of the drill `name`; `now` is wall time, `host` the Host header as sent."""
    until = int(now + LIFE / 2)
    said = _statement(name, until, method, host.encode("latin-1"), path.encode("ascii"), query.encode("ascii"))
    return f"{name}.{until}.{sign.sign(said)}"


def find_drill(sign: Sign, wall: Callable[[], float]) -> FindDrill:
    """What finds the mark of a request, and nothing that is none. Never raises on what a client sent."""

    def find(method: str, headers: Mapping[bytes, bytes], path: bytes, query: bytes) -> str:
        found = _VALUE.fullmatch(headers.get(HEADER, b""))
        if found is None:
            return ""
        name, until = found[1].decode("ascii"), int(found[2])
        if not 0 <= until - wall() <= LIFE:
            return ""
        said = _statement(name, until, method, headers.get(b"host", b""), path, query)
        return name if sign.verify(said, found[3].decode("ascii")) else ""

    return find


def _statement(name: str, until: int, method: str, host: bytes, path: bytes, query: bytes) -> bytes:
    """What is signed. Lengths stand before what a client chooses, so that no two requests read the same."""
    parts = (name.encode("ascii"), str(until).encode("ascii"), method.encode("utf-8"), host, path, query)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
