"""Read one named cookie without parsing the rest.

A request's Cookie header holds other people's cookies too, broken ones among them: they must neither raise nor hide
ours. All values of the name are returned, over all Cookie lines, so that a tossed second cookie is visible.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .facts import Facts

ReadCookie = Callable[[Facts], tuple[bytes, ...]]


def cookie_reader(name: str) -> ReadCookie:
    """A function from facts to every value of the cookie `name` (RFC 6265, section 4.2), usually one or none."""
    needle = name.encode("ascii") + b"="
    find = re.compile(rb"(?:^|;)[ \t]*" + re.escape(needle) + rb"([^;]*)").findall

    def read(facts: Facts) -> tuple[bytes, ...]:
        line = facts.headers.get(b"cookie")
        if line is None:
            return ()
        if b"cookie" in facts.duplicates:
            line = b";".join(facts.duplicates[b"cookie"])
        if needle not in line:
            return ()
        return tuple(value.strip(b' \t"') for value in find(line))

    return read
