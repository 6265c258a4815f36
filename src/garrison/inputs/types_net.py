"""Names and addresses of the network: host names, IP addresses, public URLs, e-mail, telephone numbers.

Threat: an address that is read in two ways (`http://2130706433`, `0x7f.1`, `user@evil`, a full-width dot), or that
points inside (CWE-918, CWE-601). Each is parsed into its one canonical form or refused; nothing is repaired.

Lets pass: a public name that *resolves* to an inside address. Only who connects can tell: use the safe fetch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import idna
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .public_address import is_public
from .text import BIDI, OWN, SILENT

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE: Final = frozenset({"localhost", "local", "internal", "intranet", "lan", "home", "corp", "test", "invalid"})
"""Last labels that never lead outside (RFC 6761, RFC 6762, ICANN's reserved names)."""
_PORTS: Final = {"https": 443, "http": 80}
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_URL: Final = re.compile(rf"[^\x00-\x20\x7f-\xa0\\<>\"\u2028\u2029{BIDI}{SILENT}]+")
_ESCAPED: Final = {ord(char): f"%{ord(char):02X}" for char in "`{}|^"}
"""What browsers leave as it is in some part of a URL and RFC 3986 does not have."""
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_FILLERS: Final = re.compile(r"\(0\)|[ .()/\u00a0\u2009\u2010-\u2013\u202f\u200e\u202a\u202c\u2066\u2068\u2069-]")
"""The trunk prefix in `+44 (0)20`, which is not dialled from abroad; spaces and hyphens of all kinds; the marks that
telephones put around a number they copy."""


def _wrong(kind: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError(kind, sentence)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Annotation for `str`: at most `most` characters in, whatever `parse` gives out. `format` is for OpenAPI,
    `written` gives the text again, for answers, where that is no text."""

    parse: Callable[[str], Any]
    most: int
    format: str
    written: Callable[[Any], str] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(min_length=1, max_length=self.most, strip_whitespace=True)
        shown = self.written and core_schema.plain_serializer_function_ser_schema(
            self.written, return_schema=core_schema.str_schema(), when_used="json"
        )
        return core_schema.no_info_after_validator_function(self.parse, text, serialization=shown, metadata=dict(OWN))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "format": self.format}


def parse_hostname(text: str) -> str:
    """A host name in lower-case A-labels (IDNA 2008, RFC 5890; RFC 1123 section 2.1). Refused: addresses and anything
    a resolver would read as one (last label a number), empty labels, underscores, more than 253 characters."""
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
        if "xn--" in name:
            idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        raise _wrong("hostname", "Not a host name") from None
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise _wrong("hostname", "Not a host name")
    return name


def parse_ip(text: str) -> IPv4Address | IPv6Address:
    """An address in its strict form: no leading zeros, no scope, no integer forms; `::ffff:1.2.3.4` is 1.2.3.4."""
    try:
        found = ip_address(text)
    except ValueError:
        raise _wrong("ip", "Not an IP address") from None
    if isinstance(found, IPv6Address):
        if found.scope_id:
            raise _wrong("ip", "An IP address with a scope is of one machine only")
        return found.ipv4_mapped or found
    return found


def parse_public_ip(text: str) -> IPv4Address | IPv6Address:
    """An address of the public internet, as outgoing requests see it: `public_address.is_public`."""
    found = parse_ip(text)
    if not is_public(found):
        raise _wrong("ip_public", "Not a public IP address")
    return found


def parse_email(text: str) -> str:
    """An address that mail can be sent to, its domain in lower-case A-labels (RFC 5321 section 4.1.2, dot-string).
    `o'brien+tag@example.com` passes. Refused: quoted local parts, comments, address literals, several addresses, a
    domain without a dot, letters beyond ASCII before the `@` (RFC 6531: mail servers on the way may not take them). The
    local part keeps its case: it is the receiver's to interpret."""
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise _wrong("email", "Not an e-mail address")
    try:
        name = parse_hostname(domain)
    except PydanticCustomError:
        raise _wrong("email", "Not an e-mail address") from None
    if "." not in name or len(local) + len(name) > 253:
        raise _wrong("email", "Not an e-mail address")
    return f"{local}@{name}"


def parse_phone(text: str) -> str:
    """A number in international form (ITU-T E.164: `+`, 7 to 15 digits). Spaces, dots, brackets, slashes, hyphens and
    the `(0)` that is not dialled from abroad are taken out. Refused: national forms, which mean nothing without a
    country; letters; digits of other scripts."""
    number = _FILLERS.sub("", text)
    if not _PHONE.fullmatch(number):
        raise _wrong("phone", "Not a telephone number in international form")
    return number


@dataclass(frozen=True, slots=True)
class UrlRule:
    """Annotation for `str`: a URL with one of `schemes`, to a public host on one of `ports`.

    `hosts`: names that are allowed (with everything below them); empty allows any public host. Refused: user names,
    backslashes, white space, control characters, inside names (`localhost`, `*.internal`, a single label), addresses
    that are not public, and numbers in disguise (`http://0x7f.1/`). WHATWG URL, "ends in a number"; CWE-918.
    """

    schemes: tuple[str, ...] = ("https", "http")
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    most: int = 2000

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return Parsed(self.parse, self.most, "uri").__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "format": "uri"}

    def parse(self, text: str) -> str:
        """The URL with its host in canonical form, without its scheme's own port. Raises `PydanticCustomError`."""
        try:
            parts = urlsplit(text.translate(_ESCAPED))
            port = parts.port
        except ValueError:
            raise _wrong("url", "Not a URL") from None
        if (
            not _URL.fullmatch(text)
            or parts.scheme not in self.schemes
            or not text.lower().startswith(f"{parts.scheme}://")
        ):
            raise _wrong("url", "Not a URL of an allowed scheme")
        if "@" in parts.netloc or (port is not None and port not in self.ports):
            raise _wrong("url", "User names and unusual ports are not allowed in a URL")
        host = self._host(parts.hostname or "", bracketed=parts.netloc.startswith("["))
        written = host if port in (None, _PORTS.get(parts.scheme)) else f"{host}:{port}"
        return parts._replace(netloc=written, path=parts.path or "/").geturl()

    def _host(self, text: str, *, bracketed: bool) -> str:
        if bracketed or _NUMBER.fullmatch(text.rpartition(".")[2]):
            address = parse_public_ip(text)
            host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        else:
            host = parse_hostname(text.removesuffix("."))
            if "." not in host or host.rpartition(".")[2] in _INSIDE:
                raise _wrong("url_public", "Not a public host")
        if self.hosts and not any(host == one or host.endswith(f".{one}") for one in self.hosts):
            raise _wrong("url_host", "Not one of the allowed hosts")
        return host


Hostname = Annotated[str, Parsed(parse_hostname, 253, "hostname")]
"""See `parse_hostname`."""
IpAddress = Annotated[IPv4Address | IPv6Address, Parsed(parse_ip, 45, "ip", str)]
"""See `parse_ip`."""
PublicIp = Annotated[IPv4Address | IPv6Address, Parsed(parse_public_ip, 45, "ip", str)]
"""See `parse_public_ip`."""
Email = Annotated[str, Parsed(parse_email, 254, "email")]
"""See `parse_email`."""
Phone = Annotated[str, Parsed(parse_phone, 40, "phone")]
"""See `parse_phone`."""
PublicUrl = Annotated[str, UrlRule()]
"""See `UrlRule`."""
