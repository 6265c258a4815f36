"""Cache-Control: answers that may hold personal content are not stored.

Threat: a shared cache or the next user of a browser is shown somebody else's page (CWE-524, CWE-525; OWASP ASVS 5.0
14.3). Assumption: caches obey `no-store` (RFC 9111, section 5.2.2.5).

An answer counts as personal when a principal is known, when the request carried `Authorization` or a cookie that looks
like a session, when the answer hands out a CSRF token, and on log-in and log-out. A cookie is judged by its name alone:
a forged one costs its sender a cached answer; only our own, when it turned out to stand for nobody, does not count.
Our refusals are never stored.

Lets pass, so that logged-in people keep their caches:
- an answer whose own `Cache-Control` says `public`, `immutable` or `s-maxage`: the application calls it shareable
- a stylesheet, script, font or WebAssembly module with `Last-Modified` and without `Cache-Control`: a file
- a 304: the answer it confirms was judged when it was stored
- personal answers to requests whose only sign of a session is a cookie of an unusual name: use `no_store = "always"`
An answer of its own `private` or `max-age` is personal by its own word, and becomes `no-store`.

With "always" every answer of the route class is `no-store`, whatever the application says.

At log-out `Clear-Site-Data` empties the browser's cache and storage of this origin. Not its cookies: browsers would
take those of the whole registrable domain (Clear Site Data, section 3.1), a sibling's session and the device cookie
that keeps guessers from locking the owner out among them; our own session and CSRF cookies are expired by name. There
is nothing to refuse here: "monitor" is the same as "enforce".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from ..core.exchange import Exchange
from ..core.headers import Edit, RawHeaders
from ..core.layer import Amend, Layer
from ..core.memo import remember
from ..core.ports import Services
from ..core.verdict import Mode
from ..policy.model import Policy

_NAME: Final = b"cache-control"
_NO_STORE: Final = (_NAME, b"no-store")
_CLEAR: Final = b"clear-site-data"
_LEFT_BEHIND: Final = b'"cache", "storage"'
_SHAREABLE = re.compile(rb"(?:^|[,\s])(?:public|immutable|s-maxage)(?=$|[,\s=])", re.IGNORECASE)
_KEPT_OUT = re.compile(rb"(?:^|[,\s])no-store(?=$|[,\s])", re.IGNORECASE)
_FILES: Final = (b"text/css", b"text/javascript", b"application/javascript", b"application/wasm", b"font/")
_LONGEST_LINE: Final = 2048
_REMEMBERED: Final = 1024
_SESSION_NAMES: Final = (
    r"session(?:[_-]?id)?|sess|sid|connect\.sid|phpsessid|jsessionid|asp\.net_sessionid|(?:next-)?auth[\w.-]*"
    r"|fastapiusersauth|jwt|token|access[_-]?token|id[_-]?token|refresh[_-]?token|remember[_-]?(?:me|token)"
)


def compile(policy: Policy, services: Services) -> Layer:
    """`Cache-Control` and `Clear-Site-Data`."""
    section = policy.cache
    if section.mode is Mode.OFF:
        return Layer("cache", mode=Mode.OFF)
    claims = (_NAME, _CLEAR)
    if section.no_store == "always":
        return Layer("cache", amend=_clear, sets=(_NO_STORE,), claims=claims)
    return Layer("cache", amend=_authenticated(policy.session.cookie), claims=claims)


def _clear(exchange: Exchange, edit: Edit) -> None:
    if exchange.login == "out":
        edit.put(_CLEAR, _LEFT_BEHIND)


def _authenticated(session_cookie: str) -> Amend:
    sessions_in = _session_finder(session_cookie)
    own = session_cookie.lower()

    def is_personal(exchange: Exchange) -> bool:
        if exchange.csrf_handed_out:
            return True
        facts = exchange.facts
        sent = facts.headers
        if b"authorization" in sent:
            return True
        cookies = sent.get(b"cookie")
        if cookies is None:
            return False
        names = sessions_in(b";".join(facts.values(b"cookie")) if facts.duplicates else cookies)
        # A cookie of ours without a principal is a pre-session or a session that is over: it stands for nobody.
        return any(name != own or exchange.session is None for name in names) if names else False

    def amend(exchange: Exchange, edit: Edit) -> None:
        if exchange.login or (edit.ours and edit.status >= 400):
            _clear(exchange, edit)
            _forbid(edit, _said(edit.headers))
        elif exchange.principal is not None or is_personal(exchange):
            if _NAME not in edit.sent and b"last-modified" not in edit.sent and edit.status != 304:
                edit.headers.append(_NO_STORE)  # nearly every personal answer
                return
            said = _said(edit.headers)
            if not _may_be_stored(edit, said):
                _forbid(edit, said)

    return amend


def _session_finder(session_cookie: str) -> Callable[[bytes], Collection[str]]:
    """Find cookies that look like sessions, by name. Substrings first: they cost a tenth of the pattern.

    What a line holds is remembered: a browser sends the same one again and again.
    """
    known: dict[bytes, Collection[str]] = {}
    own = session_cookie.lower()
    unusual = "" if "ses" in own else own
    find_names = re.compile(
        rf"(?:^|[;\s])({re.escape(own)}|(?:__(?:host|secure|http|host-http)-)?(?:{_SESSION_NAMES}))="
    ).findall

    def sessions_in(line: bytes) -> Collection[str]:
        found = known.get(line)
        if found is None:
            found = search(line)
            if len(line) <= _LONGEST_LINE:
                remember(known, line, found, _REMEMBERED)
        return found

    def search(line: bytes) -> Collection[str]:
        text = line.decode("latin-1").lower()
        if (
            "ses" in text
            or "sid=" in text
            or "auth" in text
            or "token" in text
            or "jwt" in text
            or "remember" in text
            or (unusual and unusual in text)
        ):
            return find_names(text)
        return ()

    return sessions_in


def _may_be_stored(edit: Edit, said: bytes) -> bool:
    """Whether a personal request's answer is shareable by the application's word, or plainly a file.

    A 304 leaves the decision with the answer that it confirms: that one would not be stored if it had been personal.
    """
    if edit.status == 304:
        return True
    if said:
        return _SHAREABLE.search(said) is not None
    return b"last-modified" in edit.sent and edit.sent.get(b"content-type", b"").lower().startswith(_FILES)


def _said(headers: RawHeaders) -> bytes:
    """The application's own `Cache-Control`, over all its lines."""
    said = b""
    for name, value in headers:
        if name == _NAME:
            said = said + b"," + value if said else value
    return said


def _forbid(edit: Edit, said: bytes) -> None:
    if not said:
        edit.headers.append(_NO_STORE)
    elif not _KEPT_OUT.search(said):
        edit.put(*_NO_STORE)
