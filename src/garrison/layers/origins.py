"""The origins the policy names, parsed once: who may read answers (CORS), and who may send requests (origin).

Assumption: an origin in `cors.origins` is also trusted to send, since a front end that may read but not write is of no
use; `*` is not an origin and never becomes one. Malformed entries stop the start (`core.host.configured_origin`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..core.errors import OperatorError
from ..core.host import Origin, configured_origin, parse_origin
from ..core.verdict import Mode
from ..policy.model import Policy

EVERYBODY: Final = "*"
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1")


class BadOrigin(OperatorError):
    """An origin in the policy can't be read, or says more than it may."""


class Origins:
    """A set of whole origins that answers for header values. Exact spellings cost one look-up."""

    __slots__ = ("_exact", "_whole")

    def __init__(self, origins: Iterable[Origin]) -> None:
        self._whole = frozenset(origins)
        self._exact = {origin.serialise().encode("ascii") for origin in self._whole}

    def __bool__(self) -> bool:
        return bool(self._whole)

    def __contains__(self, value: bytes) -> bool:
        """Whether the `Origin` header `value` names one of them."""
        if value in self._exact:
            return True
        return bool(self._whole) and parse_origin(value) in self._whole


def readers(policy: Policy) -> Origins:
    """Origins that may read answers: `cors.origins`, and front-end development servers in development."""
    section = policy.cors
    if section.mode is Mode.OFF:
        return Origins(())
    return Origins((*_parse("cors.origins", section.origins), *_development(policy)))


def senders(policy: Policy) -> Origins:
    """Origins besides the application's own that may send requests with side effects."""
    trusted = _parse("origin.trusted", policy.origin.trusted)
    if policy.cors.mode is Mode.OFF:
        return Origins(trusted)
    return Origins((*trusted, *_parse("cors.origins", policy.cors.origins), *_development(policy)))


def open_to_everybody(policy: Policy) -> bool:
    """Whether answers may be read from any origin. Raises `BadOrigin` where credentials would come along."""
    if EVERYBODY not in policy.cors.origins or policy.cors.mode is Mode.OFF:
        return False
    if policy.cors.credentials:
        raise BadOrigin(
            "cors.origins has '*' and cors.credentials is on: every site could read your users' data.",
            remedy="List the origins, or turn credentials off.",
            reference="Fetch standard, CORS protocol and credentials",
        )
    return True


def _parse(key: str, texts: Iterable[str]) -> list[Origin]:
    parsed = []
    for text in texts:
        if text == EVERYBODY and key == "cors.origins":
            continue
        try:
            parsed.append(configured_origin(text))
        except ValueError as error:
            raise BadOrigin(f"{key}: {error}.", remedy="Write scheme, host and port, nothing else.") from None
    return parsed


def _development(policy: Policy) -> list[Origin]:
    if not policy.development:
        return []
    ports = policy.cors.development_ports
    return [configured_origin(f"http://{name}:{port}") for name in _LOOPBACK_NAMES for port in ports]
