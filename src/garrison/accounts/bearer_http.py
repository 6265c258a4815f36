"""Fetch JSON from an identity provider: https, bounded in size and time, no redirects.

Threat: a provider (or whoever sits in front of it) that is slow, endless, or sends us elsewhere (SSRF by redirect); a
discovery document that names an http address. Assumption: addresses come from the policy or from the discovery document
of an issuer that the policy names, never from a token. Lets pass: what the machine's certificate store lets pass.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..core.errors import DependencyError, OperatorError

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 3.0
_TOTAL: Final = 5.0
_MOST: Final = 256 * 1024


class NotHttps(OperatorError):
    """An address of an identity provider is not https."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The address of {what} is not https.",
            remedy='Write https://…; for a provider on your own machine name "issuer" in allow_insecure_link, or pass '
            "OidcLogin(…, Fetch(allow_insecure_http=True)).",
            reference="docs/accounts/openid.md",
        )


class Fetch:
    """GET and POST for JSON.

    allow_insecure_http   take http addresses too: a provider on the developer's own machine
    transport             an httpx transport, for proxies

    Raises `DependencyError` without httpx.
    """

    def __init__(self, *, allow_insecure_http: bool = False, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._schemes = ("https", "http") if allow_insecure_http else ("https",)
        self._transport = transport
        self._httpx = _httpx()
        self._tls: ssl.SSLContext | None = None

    def require(self, url: str, what: str) -> str:
        """`url`, if it may be asked. Raises `NotHttps`."""
        parts = urlsplit(url)
        if parts.scheme not in self._schemes or not parts.hostname or parts.username or parts.fragment:
            raise NotHttps(what)
        return url

    async def get(self, url: str) -> Mapping[str, Any]:
        """The JSON object at `url`. Raises `DependencyError` for anything else than one, with status 200."""
        status, answer = await self._ask("GET", url)
        if status != 200:
            raise DependencyError(f"{urlsplit(url).hostname} answered {status}.")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object; `login` goes as HTTP Basic. Raises `DependencyError` for what is no JSON object."""
        return await self._ask("POST", url, data=dict(form), auth=login)

    async def _ask(self, method: str, url: str, **options: Any) -> tuple[int, Mapping[str, Any]]:
        import anyio  # comes with httpx

        self.require(url, "an identity provider")
        body, host = bytearray(), urlsplit(url).hostname
        if self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            with anyio.fail_after(_TOTAL):
                async with (
                    self._httpx.AsyncClient(
                        transport=self._transport, verify=self._tls, timeout=_SECONDS, follow_redirects=False
                    ) as client,
                    client.stream(method, url, headers={"Accept": "application/json"}, **options) as answer,
                ):
                    async for part in answer.aiter_bytes():
                        body += part
                        if len(body) > _MOST:
                            raise DependencyError(f"{host} answered more than {_MOST} bytes.")
        except (self._httpx.HTTPError, TimeoutError) as error:
            raise DependencyError(f"{host} did not answer: {type(error).__name__}.") from error
        return answer.status_code, _object(bytes(body), str(host))


def _object(body: bytes, host: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DependencyError(f"{host} answered something that is no JSON.") from error
    if not isinstance(found, dict):
        raise DependencyError(f"{host} answered JSON that is no object.")
    return found


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as error:
        remedy = 'Install it: pip install "garrison[accounts]".'
        raise DependencyError("Asking an identity provider needs httpx.", remedy=remedy) from error
    return httpx
