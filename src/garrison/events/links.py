"""Addresses of receivers outside: where checkpoints and events go.

Threat: an address that means something else than it seems. What can't be read is refused at start. A password does not
belong into an address. That a link is plaintext is the policy's matter (P052, P053).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..core.errors import OperatorError

_PORTS: Final = {"https": 443, "http": 80, "syslog+tls": 6514, "syslog": 514, "otlp+https": 4318, "otlp+http": 4318,
                 "redis": 6379, "rediss": 6379, "s3": 443}  # fmt: skip


class BadLink(OperatorError):
    """An address of a receiver can't be used. `link` is the one."""

    def __init__(self, link: str, why: str) -> None:
        super().__init__(
            f"{link[:200]!r} can't be used: {why}.",
            remedy="Write a file's absolute path, https://host/path, or syslog+tls://host:6514.",
            reference="docs/siem.md",
        )
        self.link = link


@dataclass(frozen=True, slots=True)
class Link:
    """A receiver."""

    scheme: str
    host: str
    port: int
    path: str
    url: str


def parse_link(text: str, *, secret: bool = False) -> Link:
    """The receiver that `text` names; a `secret` one may hold a password. Raises `BadLink`, without the password."""
    if text.startswith("/"):
        return Link("file", "", 0, str(Path(text)), text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadLink("the address" if secret else text, str(error)) from None
    if not secret and (parts.username is not None or parts.password is not None):
        raise BadLink(parts.hostname or "", "a name or password stands in it")
    if parts.scheme not in _PORTS or not parts.hostname or not text.isascii() or not text.isprintable() or " " in text:
        raise BadLink("the address" if secret else text, "it is no absolute path and no address of a known kind")
    return Link(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path, text)
