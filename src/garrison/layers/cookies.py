"""Cookies: every `Set-Cookie` becomes Secure, HttpOnly and SameSite unless the policy spares it (RFC 6265bis).

Threat: a session cookie sent over http, read by an injected script, or sent along by a foreign page's request.
Assumption: an application that says nothing wants the safe thing; what it says itself (`SameSite=None`) stands.

Spared: names in `leave` (untouched) and in `readable`, and names that look like CSRF cookies (not made HttpOnly: their
front end reads them). A malformed line, or a `__Host-` cookie with a Domain or another path, is one that browsers
drop: it passes as it is, with an event. Cookies are never renamed: the application would not find them again.

Secure is added in development too: Chromium and Firefox take Secure cookies from http://localhost and 127.0.0.1,
Safari does not (develop over https, `garrison serve --dev`). A test client over http needs an https base address.
In monitor mode the application's cookies stay as they are. Garrison's own cookies are written in every mode.

Lets pass: cookies that scripts set; cookies for a parent domain; the names and values themselves.
"""

from __future__ import annotations

from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.layer import Layer
from ..core.ports import Services
from ..core.verdict import Mode
from ..events.vocabulary import EventName
from ..policy.model import Policy
from .set_cookie import BrokenCookie, Upgrade

_SET_COOKIE = b"set-cookie"


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class. Switched off it still writes Garrison's own cookies: sessions depend on them."""
    section = policy.cookies
    if section.mode is not Mode.ENFORCE:
        return Layer("cookies", amend=write_waiting, mode=Mode.ENFORCE)
    upgrade = Upgrade.build(section, policy.csrf.cookie).line
    emit = services.emit

    def better(exchange: Exchange, line: bytes) -> bytes:
        try:
            return upgrade(line)
        except BrokenCookie as broken:
            emit(EventName.COOKIE_MALFORMED, exchange.facts, name=_shown_name(line), detail=str(broken))
            return line

    def amend(exchange: Exchange, edit: Edit) -> None:
        if _SET_COOKIE in edit.sent:
            edit.headers = [
                (name, better(exchange, value)) if name == _SET_COOKIE else (name, value)
                for name, value in edit.headers
            ]
        if exchange.cookies:
            write_waiting(exchange, edit)

    return Layer("cookies", amend=amend, mode=section.mode)


def write_waiting(exchange: Exchange, edit: Edit) -> None:
    """Write the cookies queued in the exchange, once. They are complete as they are."""
    if exchange.cookies:
        edit.headers += [(_SET_COOKIE, line) for line in exchange.cookies]
        exchange.cookies = None


def _shown_name(line: bytes) -> str:
    """The cookie's name for the event: never its value."""
    return line.split(b";", 1)[0].partition(b"=")[0][:64].decode("ascii", "replace") if b"=" in line else ""
