"""A running application as the target of a scan: may it be attacked, how fast, with which methods, and as whom.

Threat: a scan of somebody else's host by a slip or on purpose, one that deletes data, or one that never ends. So active
scanners only run against loopback, or a host that serves the proof of the policy at that moment; only methods that
change nothing, unless others are named; a rate, and a time after which they are stopped.
Lets pass: an application that changes data on GET; redirects to other hosts are for the scanners not to follow.
"""

from __future__ import annotations

import ipaddress
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlsplit

from ..core.errors import OperatorError
from ..policy.section_scan_targets import ScanTarget

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
METHODS: Final = (*SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE")
PROOF: Final = "/.well-known/garrison-scan"
_SECONDS: Final = 10
_LARGEST: Final = 2 * 1024 * 1024


class TargetRefused(OperatorError):
    """The host may not be attacked, or the address is none."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers as they came, and the beginning of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Live:
    """Where the application is. `header` and `secret`: how the scanners log in; the secret is never shown."""

    url: str
    methods: tuple[str, ...] = SAFE_METHODS
    rate: int = 20
    """Requests a second, for each scanner."""
    schema: str = "/openapi.json"
    header: str = ""
    secret: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The address for reports: no user, no password, no query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, by its very address: a name that resolves to it may not tomorrow."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def live(url: str, methods: Sequence[str] = (), rate: int = 20, schema: str = "/openapi.json", header: str = "",
         secret: str = "") -> Live:  # fmt: skip
    """A target of an address. Raises `TargetRefused` for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise TargetRefused(f"{url[:200]!r} is no address to scan.", remedy="Write https://host[:port][/path].")
    if unknown := [one for one in methods if one not in METHODS]:
        raise TargetRefused(f"{unknown[0]!r} is no method.", remedy=f"Known are {', '.join(METHODS)}.")
    if secret and parts.scheme == "http" and not Live(url).is_loopback:
        raise TargetRefused("A credential would go over plaintext.", remedy="Scan the https address.")
    return Live(url.rstrip("/"), (*SAFE_METHODS, *(one for one in methods if one not in SAFE_METHODS)), rate, schema,
                header, secret)  # fmt: skip


def may_attack(target: Live, listed: Sequence[ScanTarget]) -> None:
    """Raises `TargetRefused` unless it is this machine, or listed and the host serves its proof now."""
    if target.is_loopback:
        return
    place = urlsplit(target.url).netloc.lower()
    entry = next((one for one in listed if one.host == place), None)
    if entry is None:
        raise TargetRefused(
            f"{place} may not be attacked: it is not loopback, and not listed.",
            remedy="Add it to [[scan.targets]] with a proof that it serves: docs/scan-live.md.",
        )
    try:
        answer = ask(Live(f"{urlsplit(target.url).scheme}://{place}"), PROOF)
    except OSError as error:
        raise TargetRefused(f"{place} does not show its proof ({type(error).__name__}).", remedy=f"Serve it at {PROOF}."
                            ) from None  # fmt: skip
    if answer.status != 200 or not compare_digest(answer.body.strip(), entry.proof.encode()):
        raise TargetRefused(f"{place} shows another proof than the policy has.", remedy=f"Serve it at {PROOF}.")


def ask(target: Live, path: str, extra: Sequence[tuple[str, str]] = ()) -> Answer:
    """One GET, redirects not followed, bounded. Raises OSError where nothing answers, or nobody trusts it."""
    request = urllib.request.Request(f"{target.url}{path}", headers=dict(extra))  # noqa: S310  # see `live`
    request.add_header("User-Agent", "garrison-scan")
    opener = urllib.request.build_opener(
        _Stay, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context())
    )
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return Answer(answer.status, tuple(answer.headers.items()), answer.read(_LARGEST))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, tuple(error.headers.items()), error.read(_LARGEST))


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is the answer, not an order."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """See the class."""
