"""What proxies write about a request: the `Forwarded` header (RFC 7239) and the scheme they saw.

Threat: a client's own part of the header that swallows what the proxy appended, by an open quotation for instance. So a
line is read strictly and whole, or not at all. Lets pass nothing that the grammar does not allow, except blanks around
elements.
"""

from __future__ import annotations

import re
from typing import Final, Literal

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR: Final = re.compile(rf'[ \t]*({_NAME})=(?:({_NAME})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*+)")[ \t]*')
_PROTO: Final[dict[str, Literal["https", "http"]]] = {"https": "https", "http": "http", "wss": "https", "ws": "http"}
_MAX: Final = 8192


class MalformedForwarded(Exception):
    """A `Forwarded` line that cannot be read. Never leaves `core`."""


def parse_forwarded(line: str) -> list[dict[str, str]]:
    """The elements of one `Forwarded` line (RFC 7239 section 4), names in lower case, quotes taken off.

    Raises `MalformedForwarded` for anything malformed: a repeated parameter, an empty element, an open quotation.
    """
    elements: list[dict[str, str]] = [{}]
    at = 0
    while True:
        match = _PAIR.match(line, at)
        if match is None:
            raise MalformedForwarded
        name, token, quoted = match.groups()
        if name.lower() in elements[-1]:
            raise MalformedForwarded
        elements[-1][name.lower()] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
        if at == len(line):
            return elements
        if line[at] == ",":
            elements.append({})
        elif line[at] != ";":
            raise MalformedForwarded
        at += 1


def forwarded_scheme(values: tuple[bytes, ...]) -> Literal["https", "http"] | None:
    """The scheme our own trusted proxy saw: the last value of `X-Forwarded-Proto`, or the last `proto` of `Forwarded`.

    None when it is missing or none of http, https, ws, wss. Never raises.
    """
    if not values or len(values[-1]) > _MAX:
        return None
    line = values[-1].decode("latin-1")
    if "=" not in line:
        return _PROTO.get(line.rpartition(",")[2].strip(" \t").lower())
    try:
        return _PROTO.get(parse_forwarded(line)[-1].get("proto", "").lower())
    except MalformedForwarded:
        return None
