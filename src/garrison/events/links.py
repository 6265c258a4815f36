"""Addresses of receivers outside: where checkpoints and events go.

Threat: a receiver reached in plaintext, which others on the way read and change; an address that means something else
than it seems. What can't be read is refused at start. A password does not belong into an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..core.errors import OperatorError

_PORTS: Final = {"https": 443, "http": 80, "syslog+tls": 6514, "syslog": 514, "otlp+https": 4318, "otlp+http": 4318,
                 "redis": 6379, "rediss": 6379}  # fmt: skip
_SAFE: Final = frozenset({"https", "syslog+tls", "otlp+https", "rediss", "file"})


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
    """A receiver. `exposed`: others on the network can read or change what is sent."""

    scheme: str
    host: str
    port: int
    path: str
    url: str

    @property
    def exposed(self) -> bool:
        return self.scheme not in _SAFE and not _is_loopback(self.host)


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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
