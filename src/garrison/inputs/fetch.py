"""Ask an address that somebody else chose, without becoming their way inside.

Threat: server-side request forgery (CWE-918; OWASP SSRF Prevention Cheat Sheet): an address that leads to this machine,
the inner network or a cloud's metadata service, directly, in another notation, by a name that resolves there, by a
second resolution (DNS rebinding), or by a redirect; credentials that follow a redirect to another origin; a page that
never ends or unpacks to gigabytes. So every address, redirects included, is resolved once, all that it resolves to must
be permitted, and the connection goes to the address that was checked; the certificate is checked for the name. No
proxies or `.netrc` from the environment, no cookies, no compression; time and bytes are bounded.

Assumes that the resolver of this machine answers in some time: a name server that hangs holds a thread, not the loop.
Lets pass: requests to public hosts in this server's name; limit the rate of routes that make them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias

from ..core.errors import DependencyError
from .fetch_rule import FetchRefused as FetchRefused
from .fetch_rule import FetchRule as FetchRule
from .fetch_rule import Why as Why
from .fetch_rule import check_addresses, check_answer, check_url, next_headers
from .public_address import Address as Address
from .public_address import is_public as is_public

if TYPE_CHECKING:
    import httpx

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OWN: Final = frozenset({"host", "accept-encoding", "connection", "content-length", "transfer-encoding"})


class FetchFailed(DependencyError):
    """The other side did not answer, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: the address it came from at last, its status, headers, media type and body."""

    url: str
    status: int
    headers: Mapping[str, str]
    type: str
    body: bytes


class Fetcher:
    """GETs addresses under a `FetchRule`.

    resolve   `(host, port)` to addresses, for a resolver of your own (default: the machine's)
    tls       for an authority of your own (default: the machine's)

    Raises `DependencyError` without httpx.
    """

    def __init__(
        self, rule: FetchRule | None = None, *, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._rule = rule or FetchRule()
        self._resolve = resolve or _resolve
        self._tls = tls or ssl.create_default_context()
        self._httpx = _httpx()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Fetched:
        """The answer at `url`. `headers` are sent to its origin only. Raises `FetchRefused` and `FetchFailed`."""
        import anyio  # comes with httpx

        own = {name: value for name, value in (headers or {}).items() if name.lower() not in _OWN}
        try:
            with anyio.fail_after(self._rule.seconds):
                return await self._follow(self._httpx.URL(url), own)
        except TimeoutError:
            raise FetchRefused(Why.TIME) from None
        except (self._httpx.InvalidURL, UnicodeError):
            raise FetchRefused(Why.HOST) from None
        except socket.gaierror:
            raise FetchRefused(Why.UNRESOLVED) from None
        except (self._httpx.HTTPError, OSError) as error:
            raise FetchFailed(f"An outgoing request failed: {type(error).__name__}.") from error

    async def _follow(self, url: httpx.URL, headers: dict[str, str]) -> Fetched:
        for _ in range(self._rule.redirects + 1):
            answer = await self._ask(url, headers)
            if isinstance(answer, Fetched):
                return answer
            headers = next_headers(headers, url, answer)
            url = answer
        raise FetchRefused(Why.REDIRECT)

    async def _ask(self, url: httpx.URL, headers: Mapping[str, str]) -> Fetched | httpx.URL:
        """The answer, or where it sends us."""
        port = check_url(url, self._rule)
        pinned = check_addresses(await self._resolve(url.host, port), self._rule)
        target = url.copy_with(host=str(pinned), fragment=None)
        fixed = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"}
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        seconds = self._rule.seconds
        async with (
            self._httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=seconds
            ) as client,
            client.stream("GET", target, headers={**headers, **fixed}, extensions=extensions) as response,
        ):
            place = response.headers.get("location")
            if self._rule.redirects and response.status_code in _REDIRECTS and place is not None:
                return url.join(place)
            kind = check_answer(response.headers, self._rule)
            body = await self._read(response)
            return Fetched(str(url), response.status_code, dict(response.headers), kind, body)

    async def _read(self, response: httpx.Response) -> bytes:
        body, most = bytearray(), self._rule.most
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most:
                if self._rule.cut:
                    break
                raise FetchRefused(Why.SIZE)
        return bytes(body[:most])


async def _resolve(host: str, port: int) -> list[Address]:
    import anyio  # comes with httpx

    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as error:
        raise DependencyError("Outgoing requests need httpx.", remedy="pip install httpx") from error
    return httpx
