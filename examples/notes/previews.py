"""Look at a link's page to learn its title, without becoming anybody's proxy.

Threat: server-side request forgery (CWE-918; OWASP SSRF Prevention Cheat Sheet): a link that leads to this machine, the
inner network or a cloud's metadata service, directly, by a name that resolves there, by a second resolution (DNS
rebinding), or by a redirect; a page that never ends or unpacks to gigabytes. So: http and https to their own ports,
every resolved address public, the connection pinned to the address that was checked, no redirects, no proxies from the
environment, bounded time and bytes, no compression. Callers learn only that it did not work, not why.
Lets pass: requests to public hosts in this server's name; the rate limit of the route bounds them.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from html.parser import HTMLParser
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

import anyio
import httpx

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]

_SECONDS: Final = 5.0
_BYTES: Final = 256 * 1024
_TITLE: Final = 200
_AT_ONCE: Final = 10
_PORTS: Final = {"http": 80, "https": 443}
_SPECIAL: Final = tuple(
    ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "2002::/16", "2001::/32", "192.0.0.0/24")
)
"""Ways to IPv4 addresses behind a translator or tunnel, and a block that older Pythons take for public."""
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)


class PreviewRefused(Exception):
    """There is no preview; the text says why, for us and not for the client."""


class Previews:
    """Fetches titles. `allow_loopback` is for tests: loopback addresses of any port are then asked too."""

    def __init__(self, *, allow_loopback: bool = False, resolve: Resolve | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve or _resolve
        self._tls = ssl.create_default_context()
        self._limiter: anyio.CapacityLimiter | None = None

    async def title(self, address: str) -> str:
        """The title of the page at `address`; empty when it has none. Raises `PreviewRefused`."""
        if self._limiter is None:  # it belongs to an event loop
            self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        try:
            with anyio.fail_after(_SECONDS):
                async with self._limiter:
                    return await self._title(address)
        except TimeoutError:
            raise PreviewRefused("it took too long") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PreviewRefused(type(error).__name__) from error

    async def _title(self, address: str) -> str:
        url = self._checked(address)
        port = url.port or _PORTS[url.scheme]
        pinned = self._permitted(await self._resolve(url.host, port))
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": "notes-link-preview",
            "Accept": "text/html",
            "Accept-Encoding": "identity",
        }
        target = url.copy_with(host=str(pinned), fragment=None)
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
            client.stream("GET", target, headers=headers, extensions=extensions) as response,
        ):
            return find_title(*await _read(response))

    def _checked(self, address: str) -> httpx.URL:
        url = httpx.URL(address)
        if url.scheme not in _PORTS:
            raise PreviewRefused("neither http nor https")
        if not _HOST.fullmatch(url.raw_host.decode("ascii")):
            raise PreviewRefused("no host name")
        if url.userinfo:
            raise PreviewRefused("it carries a user name")
        if url.port not in {None, _PORTS[url.scheme]} and not self._allow_loopback:
            raise PreviewRefused("an unusual port")
        return url

    def _permitted(self, addresses: Sequence[Address]) -> Address:
        """The first address, if all are permitted: a name that leads inside by half is not to be trusted."""
        if not addresses:
            raise PreviewRefused("the name does not resolve")
        for address in addresses:
            if not is_public(address) and not (self._allow_loopback and address.is_loopback):
                raise PreviewRefused("not a public address")
        return addresses[0]


def is_public(address: Address) -> bool:
    """Whether the address is reachable from everywhere and is not a way to one that is not (RFC 6890)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


async def _resolve(host: str, port: int) -> list[Address]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


async def _read(response: httpx.Response) -> tuple[bytes, str]:
    if response.status_code != 200:
        raise PreviewRefused(f"status {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise PreviewRefused("compressed although that was not asked for")
    kind = response.headers.get("content-type", "")
    if not kind.lower().startswith(("text/html", "application/xhtml+xml")):
        raise PreviewRefused("not a page")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= _BYTES:
            break  # the title stands near the start
    charset = _CHARSET.search(kind)
    return bytes(body[:_BYTES]), charset[1] if charset else "utf-8"


def find_title(body: bytes, charset: str) -> str:
    """The text of the first `<title>`: one line, bounded."""
    try:
        text = body.decode(charset, "replace")
    except LookupError:  # a charset Python does not know
        text = body.decode("utf-8", "replace")
    finder = _TitleFinder()
    with suppress(AssertionError, ValueError):  # html.parser on markup that is beyond it: then there is no title
        finder.feed(text)
    words = "".join(char if char.isprintable() else " " for char in "".join(finder.parts)).split()
    return " ".join(words)[:_TITLE]


class _TitleFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._inside = self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "title" and not self._done

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._inside:
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._inside and len(self.parts) < 1000:
            self.parts.append(data)
