"""Hosts and origins, parsed into types and compared as such.

Threat: a host that is believed without being read properly: it ends up in links, redirects, cache keys and password
mails (CWE-644), and origin rules written as text fail on case, ports, IDN and trailing dots (CWE-942, CWE-1385).
So both are parsed or refused (RFC 3986 section 3.2.2, RFC 9110 section 7.2, RFC 6454), and configuration goes through
the same parser.

Lets pass: names with underscores and with hyphens anywhere (internal names and some CDNs have them; they are only ever
compared with configured ones), one trailing dot in a Host. Refuses: everything that is not ASCII (a browser sends
A-labels), user information, numeric spellings of IPv4 other than four decimal numbers, zone identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import idna

from .facts import Host

_HOST: Final = re.compile(
    rb"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*+)\.?)"
    rb"(?::(?P<port>[1-9][0-9]{0,4}))?"
).fullmatch
# WHATWG URL section 3.5, "ends in a number": browsers read such a name as an IPv4 address.
_NUMERIC_END: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)").fullmatch
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*").fullmatch
# RFC 6761, RFC 6762, and what ICANN keeps for networks of one's own: nobody can register a name below these.
_PRIVATE: Final = frozenset({"localhost", "local", "internal", "test", "invalid", "example"})
_MAX_NAME: Final = 253
_MAX_HOST: Final = _MAX_NAME + 7
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse_host(value: bytes) -> Host | None:
    """The Host header `value` as a type: a DNS name, an IPv4 address or a bracketed IPv6 address, and a port.

    The name is lower-cased and loses one trailing dot; an IPv6 address is written in its shortest form without
    brackets; `port` is None or 1..65535. None for anything else. Never raises.
    """
    if len(value) > _MAX_HOST or (match := _HOST(value)) is None:
        return None
    six, plain, digits = match.group("six", "name", "port")
    port = int(digits) if digits is not None else None
    if port is not None and port > 65535:
        return None
    if six is not None:
        return _six(six.decode("ascii"), port)
    name = plain.decode("ascii").lower()
    if len(name) > _MAX_NAME:
        return None
    if _NUMERIC_END(name) is None:
        return Host(name, port, ip=False)
    return Host(name, port, ip=True) if _is_four(name) else None


def _six(text: str, port: int | None) -> Host | None:
    try:
        return Host(str(IPv6Address(text)), port, ip=True)
    except ValueError:
        return None


def _is_four(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def host_name(text: str) -> Host:
    """A host name or address from configuration, without port: IDN becomes A-labels, case and trailing dot go.

    Raises ValueError with a sentence that says what is wrong.
    """
    plain = text.strip()
    if not plain or plain != text:
        raise ValueError(f"the host {text!r} is empty or has spaces around it")
    if "://" in plain or "/" in plain:
        raise ValueError(f"the host {text!r} looks like an address of a page; write the name alone")
    if plain.count(":") > 1 and not plain.startswith("["):
        plain = f"[{plain}]"
    if not plain.isascii():
        plain = _a_labels(plain)
    host = parse_host(plain.encode("ascii"))
    if host is None:
        raise ValueError(f"{text!r} is no valid host name or IP address")
    if host.port is not None:
        raise ValueError(f"the host {text!r} has a port; write the name alone and put ports into `host.ports`")
    return host


def _a_labels(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{text!r} is no valid international host name: {error}") from None


@dataclass(frozen=True, slots=True)
class Hosts:
    """`hosts(host)`: whether it is one of them, whatever its port. `exact` are the names without a star."""

    exact: frozenset[str]
    below: tuple[str, ...]

    def __call__(self, host: Host) -> bool:
        return host.name in self.exact or (bool(self.below) and not host.ip and host.name.endswith(self.below))


def compile_hosts(patterns: Iterable[str]) -> Hosts:
    """Whether a host is one of `patterns`, whatever its port.

    A pattern is a name, an IP address, or `*.example.com`: one or more labels below, never `example.com` itself.
    Raises ValueError for anything else: a lone `*` or a star elsewhere would answer to names nobody checked.
    """
    exact: set[str] = set()
    suffixes: list[str] = []
    for pattern in patterns:
        if pattern.strip() == "*":
            raise ValueError("the host '*' would answer to every name; list the names the application really has")
        if pattern.startswith("*."):
            suffixes.append("." + _wildcard_base(pattern))
        elif "*" in pattern:
            raise ValueError(f"the host {pattern!r} may have a star only in front, as in '*.example.com'")
        else:
            exact.add(host_name(pattern).name)
    return Hosts(frozenset(exact), tuple(suffixes))


def _wildcard_base(pattern: str) -> str:
    if "*" in pattern[1:]:
        raise ValueError(f"the host {pattern!r} may have a star only in front, as in '*.example.com'")
    base = host_name(pattern[2:])
    if base.ip:
        raise ValueError(f"the host {pattern!r}: an IP address has no subdomains")
    if "." not in base.name and base.name not in _PRIVATE:
        raise ValueError(f"the host {pattern!r} would answer to every name below a top-level domain; list your own")
    return base.name


def bracketed(name: str) -> str:
    """A host as it stands before a port: IPv6 in brackets (RFC 3986 section 3.2.2)."""
    return f"[{name}]" if ":" in name else name


@dataclass(frozen=True, slots=True)
class Origin:
    """A whole web origin (RFC 6454 section 4): equal only when scheme, host and port all are.

    `port` is explicit for schemes that have a default one, else None when none was given.
    """

    scheme: str
    host: str
    port: int | None

    def serialise(self) -> str:
        """As browsers write it (RFC 6454 section 6.2): no default port, brackets around IPv6."""
        name = bracketed(self.host)
        usual = self.port is None or self.port == _DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{name}" if usual else f"{self.scheme}://{name}:{self.port}"


def parse_origin(value: bytes | str) -> Origin | None:
    """An `Origin` header as a type; None for `null`, paths, trailing slashes and dots, user information, upper-case
    schemes, and anything else that is no serialised origin. Never raises.
    """
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    scheme, mark, rest = value.partition("://")
    if not mark or not value.isascii() or _SCHEME(scheme) is None:
        return None
    host = parse_host(rest.encode("ascii"))
    if host is None or _dotted(rest):
        return None
    port = host.port if host.port is not None else _DEFAULT_PORTS.get(scheme)
    return Origin(scheme, host.name, port)


def _dotted(authority: str) -> bool:
    return authority.endswith(".") or ".:" in authority


def configured_origin(text: str) -> Origin:
    """An origin from configuration: like `parse_origin`, but IDN, case and a default port are put right.

    Raises ValueError with what is wrong and, where there is one, the right spelling.
    """
    if text in {"*", "null"}:
        raise ValueError(f"the origin {text!r} stands for anybody; list the origins that are really trusted")
    if not text.strip() or "," in text:
        raise ValueError(f"the origin {text!r} is empty, or several in one; write a list with one in each place")
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        raise ValueError(f"the origin {text!r} has no scheme; write https://{text.strip().strip('/')}")
    cut = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if cut != rest:
        raise ValueError(f"the origin {text!r} has a path or a trailing slash; write {scheme.lower()}://{cut}")
    if "@" in rest or "*" in rest:
        raise ValueError(f"the origin {text!r} has user information or a star; write whole origins, one by one")
    name, port = _split_port(rest)
    spelt = f"{scheme.lower()}://{(name if name.isascii() else _a_labels(name)).removesuffix('.')}{port}"
    origin = parse_origin(spelt)
    if origin is None:
        raise ValueError(f"{text!r} is no valid origin; write it like https://app.example.com or http://localhost:5173")
    return origin


def _split_port(authority: str) -> tuple[str, str]:
    name, mark, port = authority.rpartition(":")
    return (name, mark + port) if mark and port.isdecimal() and not name.endswith(":") else (authority, "")
