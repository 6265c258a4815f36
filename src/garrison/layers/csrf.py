"""CSRF: a signed double-submit token, bound to the session (OWASP CSRF Prevention Cheat Sheet).

Threat: a page of another site makes a visitor's browser send a request with side effects, and the browser adds the
visitor's cookies, stored credentials or client certificate. The origin layer refuses that first; this layer holds
where it can't see (a browser without Fetch Metadata, a trusted origin that was taken over), and against log-in CSRF.

A request with an unsafe method and ambient authority (`authority.py`) must show the same token twice: in the cookie
`csrf.cookie`, and in the header `X-CSRF-Token` or, where that is absent, in the form field `csrf_token` within the
first 64 KB and before any file. The token must have been signed for the session in force. `require = "always"` (for
log-in and sign-up routes) asks it of requests without authority too.

Whom a token is bound to, in this order: the session that `accounts` keeps; a pre-session, started when a page without
session asks for a token; without either, to nobody. Bound to nobody it still can't be forged, and a foreign page can
neither read it nor plant it (`__Host-` cookies can't be set by sibling hosts or over http), but it would outlive a
log-in that Garrison does not know of, and it is never accepted once there is a session.

A route class with `mode = "off"` is exempt; each request that would have needed a token there is recorded.

Tokens reach the browser in a cookie that scripts can read: when the application asked for one
(`request.state.garrison.csrf_token`), after a log-in, and with an HTML page for a client that sends cookies but no
valid token. Clients without cookies are left alone. A log-out takes the cookie back.

Lets pass: safe methods (an application that changes state on GET is open; a GET that claims another method in a
header needs a preflight, which CORS refuses); Bearer tokens without ambient authority; requests without any authority
unless "always"; whoever runs a script in the page's own origin, because XSS reads the token. WebSocket handshakes are
the origin layer's. The cookie is always Secure: browsers take it over http from localhost (Chromium, Firefox) only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from ..core.cookies import ReadCookie, cookie_reader
from ..core.exchange import Exchange
from ..core.facts import NO_DUPLICATES, Facts
from ..core.headers import Edit
from ..core.layer import PEEK_LIMIT, Layer, Peek
from ..core.memo import remember
from ..core.names import CSRF_FIELD, CSRF_HEADER, PURPOSE_CSRF, SAFE_METHODS
from ..core.ports import Services, SessionId
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..events.vocabulary import EventName
from ..policy.model import Policy
from .authority import ambient
from .csrf_form import form_reader
from .csrf_issue import Issuer, Writer
from .csrf_token import Tokens

_NAME: Final = "csrf"
_HINT: Final = (
    f"Send the session's CSRF token in the header X-CSRF-Token, or in the form field {CSRF_FIELD} before files."
)
_RELOAD: Final = "Reload the page and try again: its CSRF token does not belong to your present session."
_LONGEST_LINE: Final = 2048
_REMEMBERED: Final = 1024


def _missing(detail: str) -> Refuse:
    return Refuse(Reason.CSRF_MISSING, 403, layer=_NAME, detail=detail, hint=_HINT)


def _invalid(detail: str) -> Refuse:
    return Refuse(Reason.CSRF_INVALID, 403, layer=_NAME, detail=detail, hint=_RELOAD)


_NO_TOKEN: Final = _missing("neither header nor a form that could hold the field")
_NO_FIELD: Final = _missing("the form has no token within its first bytes and before any file")
_NO_COOKIE: Final = _missing("the CSRF cookie is absent")
_TWO_HEADERS: Final = _invalid("the token header came more than once")
_TWO_COOKIES: Final = _invalid("the CSRF cookie came more than once")
_UNEQUAL: Final = _invalid("token and cookie differ")
_UNBOUND: Final = _invalid("the token is forged, expired, or of another session")


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class."""
    section = policy.csrf
    if section.mode is Mode.OFF:
        return _exempt(policy, services)
    tokens = Tokens(services.signer(PURPOSE_CSRF), services.clock, section.lifetime)
    cookies = cookie_reader(section.cookie)
    check = _Check(tokens, cookies, services.session_id, services.clock.wall, always=section.require == "always")
    issuer = Issuer(tokens, cookies, services)
    issue = issuer.issue
    write = Writer(section.cookie, cookies, lax=policy.session.same_site != "None").amend

    def toll(facts: Facts, exchange: Exchange) -> Verdict:
        exchange.issue_csrf = issue
        return None if facts.method in SAFE_METHODS else check.head(facts)

    def amend(exchange: Exchange, edit: Edit) -> None:
        quiet = not exchange.csrf_handed_out and not exchange.login
        if quiet and not (edit.page and issuer.due(exchange, edit)):
            return
        write(exchange, edit)

    return Layer(_NAME, toll=toll, peek=check.form, amend=amend, mode=section.mode)


def _exempt(policy: Policy, services: Services) -> Layer:
    """A route class that is exempt while the rest is not: what would have needed a token is recorded."""
    own = policy.route_name.startswith("garrison-")  # our reports endpoint acts on nothing
    if own or not policy.overrides(_NAME):
        return Layer(_NAME, mode=Mode.OFF)
    emit, route = services.emit, policy.route_name

    def note(facts: Facts) -> Verdict:
        if facts.method not in SAFE_METHODS and ambient(facts):
            emit(EventName.CSRF_EXEMPTION_USED, facts, route=route)
        return None

    return Layer("csrf-exemption", decide=note)


@dataclass(frozen=True, slots=True)
class _Check:
    """What an unsafe request is asked for."""

    tokens: Tokens
    cookies: ReadCookie
    session_id: SessionId
    now: Callable[[], float]
    always: bool
    known: dict[tuple[str | None, bytes | None, bytes], float] = field(default_factory=dict)
    """Until when tokens hold that were looked at before, by session and cookie line."""

    def head(self, facts: Facts) -> Refuse | None:
        """Judge by the header; where it is absent, leave forms to `form` and refuse the rest."""
        if not self.always and not ambient(facts):
            return None
        if token := facts.headers.get(CSRF_HEADER):
            return _TWO_HEADERS if CSRF_HEADER in facts.duplicates else self._judge(facts, token)
        return _NO_TOKEN if _form_of(facts) is None else None

    def form(self, facts: Facts) -> Peek | None:
        """Ask for the start of a form that has to hold the token."""
        if facts.method in SAFE_METHODS or facts.headers.get(CSRF_HEADER):
            return None
        if not self.always and not ambient(facts):
            return None
        find = _form_of(facts)
        if find is None:
            return None

        def judge(prefix: bytes, complete: bool) -> Verdict:
            token = find(prefix, complete)
            return self._judge(facts, token) if token else _NO_FIELD

        return Peek(PEEK_LIMIT, judge)

    def _judge(self, facts: Facts, token: bytes) -> Refuse | None:
        line = facts.headers.get(b"cookie")
        session_id, now = self.session_id, self.now
        asked = session_id(facts), line, token
        until = self.known.get(asked)
        if until is not None and facts.duplicates is NO_DUPLICATES:
            return None if now() <= until else _UNBOUND
        cookies = self.cookies(facts)
        if len(cookies) != 1:
            return _TWO_COOKIES if cookies else _NO_COOKIE
        if not compare_digest(token, cookies[0]):
            return _UNEQUAL
        until = self.tokens.until(asked[0], token)
        if now() > until:
            return _UNBOUND
        if facts.duplicates is NO_DUPLICATES and line is not None and len(line) <= _LONGEST_LINE:
            remember(self.known, asked, until, _REMEMBERED)
        return None


def _form_of(facts: Facts) -> Callable[[bytes, bool], bytes | None] | None:
    content_type = facts.headers.get(b"content-type")
    if content_type is None or b"content-type" in facts.duplicates:
        return None
    return form_reader(content_type)
