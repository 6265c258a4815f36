"""Security response headers that depend on the policy alone.

Threat: a page is framed, sniffed, opened by or embedded in another site, leaks its address as a referrer, or is loaded
over plain HTTP (OWASP ASVS 5.0 V3.4, OWASP HTTP Headers Cheat Sheet).
Assumption: browsers. Other clients ignore these headers.
Lets pass: what the application needs and the policy opens; a header whose key is empty is left to the application.

`Strict-Transport-Security` alone depends on the request: it goes out over TLS only (RFC 6797, section 7.2), never for
IP literals and localhost (section 8.3), and never in development, whose certificates nobody else trusts, nor while
Garrison's own server shows a certificate that this machine does not trust. With
`edge.hsts` the proxy writes it: then it is left out of what came through a trusted proxy, and of nothing else, so that
an answer has it once by whatever way the request came.

`Cross-Origin-Resource-Policy` does not stand in the way of CORS: the Fetch standard checks it for opaque (no-cors)
responses only, so `same-origin` blocks embedding (`<img>`, `<script>`) and leaves a `fetch` that CORS allows alone.
`Cross-Origin-Embedder-Policy: require-corp` makes a page load foreign resources only if these say `cross-origin`, or
if the element asks by CORS (`crossorigin`); a page that embeds others' images needs `credentialless` or "".

Mode "monitor": the three headers that have a report-only form are sent in that form; for the others there is nothing to
watch, and they are sent as in "enforce".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..core.errors import OperatorError
from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.layer import Amend, Layer
from ..core.ports import Services
from ..core.verdict import Mode
from ..policy.model import HeadersSection, Hsts, Policy
from . import header_values as values
from .reporting import REPORT_TO, reports_path

_HSTS: Final = b"strict-transport-security"
_SECURE: Final = frozenset({"https", "wss"})
_YEAR: Final = 31_536_000
_WATCHABLE: Final = frozenset({"cross-origin-opener-policy", "cross-origin-embedder-policy", "permissions-policy"})
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


class UnsafeHsts(OperatorError):
    """The HSTS values do not meet the preload list's conditions (hstspreload.org)."""


class BadRemoval(OperatorError):
    """`headers.remove` holds something that is no header name, or a header that answers can't do without."""


def compile(policy: Policy, services: Services) -> Layer:
    """All header values, checked and encoded. Raises `OperatorError` where a value is not what browsers know."""
    section = policy.headers
    if section.mode is Mode.OFF:
        return Layer("headers", mode=Mode.OFF)
    wanted = _values(section)
    if section.mode is Mode.MONITOR:
        wanted = _report_only(wanted, reporting=bool(reports_path(policy)))
    sets = tuple((name.encode(), value.encode()) for name, value in wanted.items())
    drops = _removals(section)
    amend = None
    if section.hsts is not None:
        amend = None if policy.development else _amend(_hsts(section.hsts), services, by_proxy=policy.edge.hsts)
        drops = (*drops, _HSTS)
    claims = tuple(dict.fromkeys((*(name for name, _ in sets), *drops)))
    return Layer("headers", amend=amend, sets=sets, drops=drops, claims=claims)


def _values(section: HeadersSection) -> dict[str, str]:
    chosen = {
        "referrer-policy": values.referrer_policy(section.referrer_policy),
        "cross-origin-opener-policy": values.opener_policy(section.cross_origin_opener_policy),
        "cross-origin-embedder-policy": values.embedder_policy(section.cross_origin_embedder_policy),
        "cross-origin-resource-policy": values.resource_policy(section.cross_origin_resource_policy),
        "origin-agent-cluster": "?1" if section.origin_agent_cluster else "",
        "x-content-type-options": "nosniff",
        "x-frame-options": section.frame_options,
        "x-xss-protection": "0",
        "x-permitted-cross-domain-policies": values.cross_domain_policies(section.permitted_cross_domain_policies),
        "x-dns-prefetch-control": values.dns_prefetch_control(section.dns_prefetch_control),
        "permissions-policy": values.permissions_policy(section.permissions),
    }
    return {name: value for name, value in chosen.items() if value}


def _report_only(wanted: Mapping[str, str], *, reporting: bool) -> dict[str, str]:
    suffix = f'; report-to="{REPORT_TO}"'
    watched: dict[str, str] = {}
    for name, value in wanted.items():
        if name not in _WATCHABLE:
            watched[name] = value
        elif name == "permissions-policy" or not reporting or "report-to" in value:
            watched[f"{name}-report-only"] = value
        else:
            watched[f"{name}-report-only"] = value + suffix
    return watched


def _removals(section: HeadersSection) -> tuple[bytes, ...]:
    names = tuple(name.lower() for name in section.remove)
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise BadRemoval(f"headers.remove: {name!r} is not a header name (RFC 9110, section 5.1).")
        if name in {"content-type", "content-length", "transfer-encoding", "location", "set-cookie"}:
            raise BadRemoval(f"headers.remove: answers can't do without {name!r}.", remedy="Take it out of the list.")
    return tuple(name.encode() for name in names)


def _hsts(hsts: Hsts) -> bytes:
    if hsts.preload and not hsts.include_subdomains:
        raise UnsafeHsts("headers.hsts: preload needs include_subdomains.", remedy="Set both or neither.")
    if hsts.preload and hsts.max_age < _YEAR:
        raise UnsafeHsts("headers.hsts: preload needs a max_age of a year.", remedy='Write "1 year" or more.')
    return hsts.header.encode()


def _amend(value: bytes, services: Services, *, by_proxy: bool) -> Amend:
    pair = (_HSTS, value)

    def amend(exchange: Exchange, edit: Edit) -> None:
        facts = exchange.facts
        host = facts.host
        if host is None or not host.own or facts.scheme not in _SECURE or not services.trusted:
            return
        if not (by_proxy and facts.client.proxied):
            edit.headers.append(pair)

    return amend
