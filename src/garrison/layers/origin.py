"""Where a request with side effects comes from: Fetch Metadata first, whole origins where that is absent.

Threat: a foreign page makes a visitor's browser send a request that changes something (CSRF), or opens a WebSocket
with the visitor's cookies and reads it (CWE-1385). The browser itself says where a request comes from, in headers no
page can set.

The algorithm is that of Go's `net/http.CrossOriginProtection`, with whole origins instead of hosts:
1. GET, HEAD and OPTIONS pass, WebSocket handshakes don't: they are GETs with cookies.
2. `Sec-Fetch-Site` is `same-origin`, or `none` (the visitor's own doing; no WebSocket opens so): pass. It or `Origin`
   came twice: refuse.
3. `Origin` is one of `origin.trusted` or `cors.origins`: pass.
4. `Sec-Fetch-Site` says anything else, `same-site` too: refuse. A sibling host is not us.
5. Neither header: no browser sent this, pass. `Origin` is our own (scheme, host and port): pass; else refuse.

Behind a TLS-terminating proxy that does not tell the scheme we see http while the browser sees https. So with an
http request the https origin of the same host and port passes too: nobody else can have that origin. Never the
reverse: the http origin of a host belongs to whoever owns the network. (Tell the scheme all the same: `proxies`.)

With `cors.origins = ["*"]` a cross-origin request passes when it carries no ambient authority: that is what such a
policy promises, and a foreign page can't use the visitor's identity in it. WebSockets are not CORS, and no exception.

Lets pass: clients that are no browsers, which could send any header; browsers of before 2020 that send neither header
on a same-origin POST (they send `Origin` cross-origin); state changed by GET. On plain http away from localhost there
is no Sec-Fetch-Site, and `Referrer-Policy: no-referrer` makes a form's `Origin` `null`, which is refused: serve https.
A route class that takes cross-site requests (a webhook from a browser, a payment return) has
`[routes.origin] mode = "off"` with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..core.facts import Facts
from ..core.host import Origin, parse_origin
from ..core.layer import Layer
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy
from .authority import ambient
from .origins import Origins, open_to_everybody, senders

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_WEB: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_HINT: Final = "This request has to come from a page of this site."


def _refuse(reason: Reason, detail: str) -> Refuse:
    return Refuse(reason, 403, layer="origin", detail=detail, hint=_HINT)


_CROSS_SITE: Final = _refuse(Reason.CROSS_SITE, "Sec-Fetch-Site names another site, and Origin is not trusted")
_REPEATED: Final = _refuse(Reason.CROSS_SITE, "Sec-Fetch-Site or Origin came more than once")
_UNKNOWN: Final = _refuse(Reason.ORIGIN_UNKNOWN, "Origin is neither our own nor trusted")


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class. Raises `BadOrigin`."""
    rules = _Rules(senders(policy), everybody=open_to_everybody(policy))
    judge = rules.judge

    def decide(facts: Facts) -> Verdict:
        if facts.method in SAFE_METHODS and facts.kind == "http":
            return None
        return judge(facts)

    return Layer("origin", decide=decide, spares=SAFE_METHODS, mode=policy.origin.mode)


@dataclass(frozen=True, slots=True)
class _Rules:
    trusted: Origins
    everybody: bool

    def judge(self, facts: Facts) -> Refuse | None:
        """Steps 2 to 5 of the module."""
        headers = facts.headers
        if facts.duplicates and (b"sec-fetch-site" in facts.duplicates or b"origin" in facts.duplicates):
            return _REPEATED
        site = headers.get(b"sec-fetch-site")
        if site == b"same-origin" or (site == b"none" and facts.kind == "http"):
            return None
        origin = headers.get(b"origin")
        if origin is not None and origin in self.trusted:
            return None
        if site is None and (origin is None or _is_own(facts, origin)):
            return None
        if self.everybody and facts.kind == "http" and not ambient(facts):
            return None
        return _UNKNOWN if site is None else _CROSS_SITE


def _is_own(facts: Facts, value: bytes) -> bool:
    """Whether `value` is the origin this request was sent to, as far as scheme and Host tell."""
    origin, host = parse_origin(value), facts.host
    if origin is None or host is None:
        return False
    scheme = _WEB.get(facts.scheme, "https")
    schemes = (scheme,) if scheme == "https" else ("http", "https")
    return any(origin == Origin(each, host.name, host.port or _DEFAULT_PORT[each]) for each in schemes)
