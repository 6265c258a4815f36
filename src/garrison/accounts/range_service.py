"""Ask a k-anonymity service whether a password was stolen somewhere. Off unless the policy names one.

Only the first five of 40 hexadecimal digits of the password's SHA-1 leave the machine; the answer lists the rest of all
that begin so, and is compared here. The service learns that somebody chose one of some hundred thousand passwords, and
when. Padding is asked for, so that the answer's length tells observers nothing.

Threat of its own: a slow or hostile service. So: https only, two seconds, no redirects, a megabyte at most.
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from types import ModuleType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..core.errors import DependencyError, OperatorError

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 2.0
_MOST: Final = 1024**2


class RangeClient:
    """`password_rules.RangeService` over https.

    address     what the five digits are appended to: `https://host/range/`
    transport   an httpx transport, for tests and proxies

    Raises `OperatorError` for an address that is not https, `DependencyError` without httpx.
    """

    def __init__(self, address: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise OperatorError(
                "passwords.range_service is no https address to append to.", remedy="Write https://host/range/."
            )
        self._address = address
        self._transport = transport
        _httpx()

    async def knows(self, prepared: bytes) -> bool:
        """Whether the service lists the password. Raises `DependencyError` when it does not answer as agreed."""
        digest = hashlib.sha1(prepared, usedforsecurity=False).hexdigest().upper()
        text = await self._ask(digest[:5])
        found = False
        for line in text.splitlines():
            rest, _, count = line.strip().partition(":")
            # A count of 0 is padding. All lines are compared, however early one fits.
            found |= compare_digest(rest.upper().encode(), digest[5:].encode()) and count.strip("0") != ""
        return found

    async def _ask(self, prefix: str) -> str:
        httpx = _httpx()
        body = bytearray()
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, timeout=_SECONDS, follow_redirects=False) as client,
                client.stream("GET", self._address + prefix, headers={"Add-Padding": "true"}) as answer,
            ):
                if answer.status_code != 200:
                    raise DependencyError(f"The range service answered {answer.status_code}.")
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST:
                        raise DependencyError("The range service answered more than a megabyte.")
        except httpx.HTTPError as error:
            raise DependencyError(f"The range service did not answer: {type(error).__name__}.") from error
        return body.decode("ascii", "replace")


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as error:
        raise DependencyError("Asking a range service needs httpx.", remedy="pip install httpx") from error
    return httpx
