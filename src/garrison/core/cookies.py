"""Read one named cookie without parsing the rest.

A request's Cookie header holds other people's cookies too, broken ones among them: they must neither raise nor hide
ours. All values of the name are returned, over all Cookie lines, so that a tossed second cookie is visible. It searches
for the name instead of using a pattern: three times as fast on the long lines that browsers send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from .facts import Facts

_AROUND: Final = b' \t"'
ReadCookie = Callable[[Facts], tuple[bytes, ...]]


def cookie_reader(name: str) -> ReadCookie:
    """A function from facts to every value of the cookie `name` (RFC 6265, section 4.2), usually one or none."""
    needle = name.encode("ascii") + b"="
    latest: tuple[Facts | None, tuple[bytes, ...]] = (None, ())

    def read(facts: Facts) -> tuple[bytes, ...]:
        nonlocal latest
        if latest[0] is facts:  # CSRF and the session ask for the same cookie, one right after the other
            return latest[1]
        line = facts.headers.get(b"cookie")
        if line is None:
            return ()
        if facts.duplicates and b"cookie" in facts.duplicates:
            line = b";".join(facts.duplicates[b"cookie"])
        before, found, after = line.partition(needle)
        values: tuple[bytes, ...] = ()
        if found:
            if (not before or before[-2:] == b"; ") and after.find(needle) < 0:  # as browsers send it
                values = (after.partition(b";")[0].strip(_AROUND),)
            else:
                values = tuple(_all(line, needle))
        latest = (facts, values)
        return values

    return read


def _all(line: bytes, needle: bytes) -> Iterator[bytes]:
    at = line.find(needle)
    while at >= 0:
        if _begins(line, at):
            yield line[at + len(needle) :].partition(b";")[0].strip(_AROUND)
        end = line.find(b";", at)
        at = line.find(needle, end) if end >= 0 else -1


def _begins(line: bytes, at: int) -> bool:
    """Whether a cookie's name begins at `at`, and not somewhere inside another name or value."""
    return at == 0 or line[at - 2 : at] == b"; " or line[:at].rstrip(b" \t")[-1:] in {b";", b""}
