"""How a CSRF token reaches the browser: which one, when, and in what cookie.

Assumption: whoever may read the page may have the token. So it must not stay in a shared cache: pages that say they
are public get none, and every answer with a token varies by Cookie.
Lets pass: an application that puts a token into a page and lets a shared cache keep that page. A token that is asked
for after the answer has begun (in a stream) can't set its cookie: ask before.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.cookies import ReadCookie
from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from .cookies import write_waiting
from .csrf_token import Tokens


@dataclass(frozen=True, slots=True)
class Issuer:
    """When a browser gets a token, and which."""

    tokens: Tokens
    cookies: ReadCookie
    services: Services

    def issue(self, exchange: Exchange) -> str:
        """The token the browser has, while it is good; else a new one, with a pre-session where there is no session."""
        session = self._session(exchange)
        if session is None and self.services.start_presession is not None:
            session = self.services.start_presession(exchange)
        held = self.cookies(exchange.facts)
        if len(held) == 1 and self.tokens.fresh(session, held[0]):
            return held[0].decode("ascii")  # it verified, so it is ASCII
        return self.tokens.make(session)

    def due(self, exchange: Exchange, edit: Edit) -> bool:
        """Whether this answer, a page, is one whose forms would be refused: draws the token then."""
        facts = exchange.facts
        if edit.ours or facts.method not in SAFE_METHODS:
            return False
        if b"cookie" not in facts.headers or not 200 <= edit.status < 300 or _may_be_shared(edit):
            return False
        held = self.cookies(facts)
        if len(held) == 1 and self.tokens.fresh(self._session(exchange), held[0]):
            return False
        return bool(exchange.csrf_token)

    def _session(self, exchange: Exchange) -> str | None:
        """The session the next request will show: what happened in this exchange beats what the request brought."""
        if exchange.session is not None or exchange.login == "out":
            return exchange.session
        return self.services.session_id(exchange.facts)


def _may_be_shared(edit: Edit) -> bool:
    """Whether a shared cache may keep the answer: a cookie on it would reach somebody else."""
    control = (edit.get(b"cache-control") or b"").lower()
    return b"public" in control or b"s-maxage" in control


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the cookie. Readable by scripts on purpose: the token has to get into a header."""

    name: str
    cookies: ReadCookie
    lax: bool

    def amend(self, exchange: Exchange, edit: Edit) -> None:
        token = exchange.csrf_token if exchange.login == "in" else exchange.csrf_handed_out
        if token:
            edit.vary(b"cookie")
            if (token.encode("ascii"),) != self.cookies(exchange.facts):
                self._set(edit, token, "")
        elif exchange.login == "out":
            self._set(edit, "", "; Max-Age=0")
        write_waiting(exchange, edit)  # a pre-session may have begun after the cookies layer's turn

    def _set(self, edit: Edit, token: str, ending: str) -> None:
        same_site = "Lax" if self.lax else "None"
        line = f"{self.name}={token}; Path=/; Secure; SameSite={same_site}{ending}"
        edit.add(b"set-cookie", line.encode("ascii"))
