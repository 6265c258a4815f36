"""One `Set-Cookie` value, read as browsers read it (RFC 6265bis, section 5.6), and made safer.

Attributes are only ever appended: what the application wrote stays byte for byte. Browsers take the last of a repeated
attribute, so nothing is appended that is there already.
Lets pass: values and dates are not judged; a SameSite the browser does not know counts as said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..policy.model import CookiesSection

_LOOKS_LIKE_CSRF: Final = re.compile(rb"(?i)csrf|xsrf").search
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


class BrokenCookie(ValueError):
    """The line is malformed, or its name promises what its attributes don't keep: browsers drop it."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The section [cookies], encoded. `readable` and `leave` are cookie names."""

    secure: bool
    http_only: bool
    same_site: bytes
    readable: frozenset[bytes]
    leave: frozenset[bytes]

    @classmethod
    def build(cls, section: CookiesSection, also_readable: str) -> Upgrade:
        """`also_readable` is the CSRF cookie's name, which scripts read by design."""
        return cls(
            secure=section.secure,
            http_only=section.http_only,
            same_site=f"; SameSite={section.same_site}".encode("ascii") if section.same_site else b"",
            readable=frozenset(name.encode("utf-8") for name in (*section.readable, also_readable)),
            leave=frozenset(name.encode("utf-8") for name in section.leave),
        )

    def line(self, line: bytes) -> bytes:
        """`line` with the attributes it lacks. Raises `BrokenCookie`: pass the line on as it is, and say so."""
        pair, *rest = line.split(b";")
        name = _name(pair, line)
        if name in self.leave:
            return line
        attributes = {key.strip().lower(): value.strip() for key, _, value in (part.partition(b"=") for part in rest)}
        _check_prefix(name, attributes)
        ending = b""
        if self.secure and b"secure" not in attributes:
            ending += b"; Secure"
        if self.http_only and b"httponly" not in attributes and not self._is_readable(name):
            ending += b"; HttpOnly"
        if b"samesite" not in attributes:
            ending += self.same_site
        return line.rstrip(b"; \t") + ending if ending else line

    def _is_readable(self, name: bytes) -> bool:
        return name in self.readable or _LOOKS_LIKE_CSRF(name) is not None


def _name(pair: bytes, line: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    name = name.strip(b" \t")
    if not equals or not name:
        raise BrokenCookie("it has no name")
    if _CONTROL(line):
        raise BrokenCookie("it has control characters")
    return name


def _check_prefix(name: bytes, attributes: dict[bytes, bytes]) -> None:
    """RFC 6265bis, section 4.1.3.2: `__Host-` cookies have no Domain and the path `/`. Browsers ignore case here."""
    if name[:7].lower() != b"__host-":
        return
    if attributes.get(b"domain"):
        raise BrokenCookie("a __Host- cookie has no Domain")
    if attributes.get(b"path") != b"/":
        raise BrokenCookie("a __Host- cookie has the path /")
