"""What an issuer says about itself (OpenID Connect Discovery 1.0; RFC 8414).

Threat: a document of another issuer under our issuer's address (mix-up), or one that names addresses without TLS. The
document must name exactly the issuer it was asked from, and its addresses pass the same check as the policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..core.errors import DependencyError, OperatorError
from .bearer_http import Fetch

PATH: Final = "/.well-known/openid-configuration"


class Discovery:
    """The document of `issuer`, fetched when it is first needed and kept once it is good."""

    def __init__(self, issuer: str, fetch: Fetch) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._document: Mapping[str, Any] | None = None

    async def document(self) -> Mapping[str, Any]:
        """Raises `DependencyError` when it can't be had or is not this issuer's."""
        if self._document is None:
            document = await self._fetch.get(self._issuer.rstrip("/") + PATH)
            if document.get("issuer") != self._issuer:
                raise DependencyError("The issuer's discovery document names another issuer.")
            self._document = document
        return self._document

    async def address(self, name: str) -> str:
        """The address it gives for `name`, such as "jwks_uri". Raises `DependencyError`."""
        found = (await self.document()).get(name)
        if not isinstance(found, str):
            raise DependencyError(f"The issuer's discovery document has no {name}.")
        try:
            return self._fetch.require(found, name)
        except OperatorError as error:  # not our operator's fault: the issuer says it
            raise DependencyError(str(error)) from None
