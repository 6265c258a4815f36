"""CORS: which other origins may read answers (Fetch standard, CORS protocol).

Threat: a foreign page reads what the visitor may see. The browser prevents that by itself; every weakness is in who
is let in by mistake: a reflected origin, a pattern that matches `evilexample.com`, `null`, `*` with credentials. So
origins are whole parsed values, compared for equality; there are no patterns; `null` never matches (any sandboxed
frame has it); `*` is refused beside credentials when the application starts.

One owner: with this layer on, it alone writes `Access-Control-*` headers and answers preflights. The application's own
are dropped, so with no `origins` nobody reads across origins. One exception: the preset `compat` with no `origins`
leaves the application's CORS alone, because its promise is to change nothing. In monitor mode the application's CORS
stands too, and what would have been refused is recorded.

A preflight is an OPTIONS with `Origin` and `Access-Control-Request-Method`; any other OPTIONS goes to the application.
A preflight that is refused gets 403 and no permission. Headers are put on every answer, errors and refusals included,
else a front end could not tell a 429 from a network failure.

Private Network Access: `Access-Control-Request-Private-Network` is never granted. A public site's front end has no
business with an application on somebody's private network; browsers that ask then stop.

Lets pass: simple requests of foreign origins, which are sent anyway and whose answers the browser then hides. That
they change nothing is the matter of the origin and CSRF layers. A repeated `Origin` header gets no CORS headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..core.errors import OperatorError
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.headers import Edit
from ..core.layer import Layer
from ..core.names import METHODS
from ..core.ports import Services
from ..core.verdict import Answer, HeaderList, Mode, Reason, Refuse, Verdict
from ..policy.model import CorsSection, Policy
from .origins import Origins, open_to_everybody, readers

OWNED: Final = (
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-allow-private-network",
    b"access-control-expose-headers",
    b"access-control-max-age",
)
_METHOD: Final = b"access-control-request-method"
_HEADERS: Final = b"access-control-request-headers"
_PREFLIGHT_VARY: Final = (b"origin", _METHOD, _HEADERS)
_SAFELISTED: Final = frozenset({b"accept", b"accept-language", b"content-language"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_GRANTED: Final = Answer(204)


class BadCors(OperatorError):
    """The section [cors] names something that is no method or header name."""


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class. Raises `BadOrigin`, `BadCors`."""
    section = policy.cors
    rules = _Rules.build(section, readers(policy), everybody=open_to_everybody(policy))
    if policy.preset.partition("-")[0] == "compat" and not section.origins and not rules.origins:
        return Layer("cors", mode=Mode.OFF)
    if section.mode is Mode.MONITOR:
        return Layer("cors", decide=rules.only_refuse, mode=section.mode)
    return Layer(
        "cors",
        decide=rules.decide,
        spares=METHODS - {"OPTIONS"},
        amend=_amend(rules),
        drops=OWNED,
        varies=(b"origin",) if rules.origins and not rules.everybody else (),
        claims=OWNED,
        mode=section.mode,
    )


def _amend(rules: _Rules) -> Callable[[Exchange, Edit], None]:
    """Looks for `Origin` before anything else: most requests have none."""

    def amend(exchange: Exchange, edit: Edit) -> None:
        facts = exchange.facts
        if b"origin" not in facts.headers:
            return
        preflight = is_preflight(facts)
        if preflight:
            edit.vary(*_PREFLIGHT_VARY)
        if rules.admits(facts):
            rules.write(facts.headers[b"origin"], edit)
            if preflight and edit.ours and edit.status == _GRANTED.status:
                edit.headers += rules.permissions

    return amend


def is_preflight(facts: Facts) -> bool:
    """Whether this is a CORS-preflight request (Fetch standard)."""
    return facts.method == "OPTIONS" and _METHOD in facts.headers and b"origin" in facts.headers


@dataclass(frozen=True, slots=True)
class _Rules:
    """The section, encoded: `always` goes on each readable answer, `permissions` on granted preflights."""

    origins: Origins
    everybody: bool
    methods: frozenset[bytes]
    headers: frozenset[bytes]
    always: HeaderList = field(repr=False)
    permissions: HeaderList = field(repr=False)

    @classmethod
    def build(cls, section: CorsSection, origins: Origins, *, everybody: bool) -> _Rules:
        methods = _tokens("methods", section.methods)
        headers = [name.lower() for name in _tokens("headers", section.headers)]
        expose = _tokens("expose", section.expose)
        always = [(b"access-control-expose-headers", b", ".join(expose))] if expose else []
        if section.credentials:
            always.append((b"access-control-allow-credentials", b"true"))
        permissions = [
            (b"access-control-allow-methods", b", ".join(methods)),
            (b"access-control-allow-headers", b", ".join(headers)),
            (b"access-control-max-age", str(int(section.max_age)).encode("ascii")),
        ]
        return cls(
            origins, everybody, frozenset(methods), frozenset(headers) | _SAFELISTED, tuple(always), tuple(permissions)
        )

    def admits(self, facts: Facts) -> bool:
        """Whether the one `Origin` of the request may read."""
        if b"origin" in facts.duplicates:
            return False
        return self.everybody or facts.headers[b"origin"] in self.origins

    def write(self, origin: bytes, edit: Edit) -> None:
        """Say so. The configured spelling and the header's are equal as origins; a browser compares with its own."""
        edit.headers.append((b"access-control-allow-origin", b"*" if self.everybody else origin))
        edit.headers += self.always

    def decide(self, facts: Facts) -> Verdict:
        if facts.method != "OPTIONS" or not is_preflight(facts):
            return None
        if not self.admits(facts):
            return _refuse(Reason.CORS_ORIGIN, "This origin may not read answers of this site.")
        if facts.headers[_METHOD] not in self.methods or _METHOD in facts.duplicates:
            return _refuse(Reason.CORS_METHOD, "This method is not allowed from another origin.")
        if not all(name in self.headers for name in _asked_headers(facts)):
            return _refuse(Reason.CORS_HEADER, "A header of this request is not allowed from another origin.")
        return _GRANTED

    def only_refuse(self, facts: Facts) -> Verdict:
        """For monitor mode: never an answer of our own, so that the application's stands."""
        verdict = self.decide(facts)
        return verdict if isinstance(verdict, Refuse) else None


def _refuse(reason: Reason, hint: str) -> Refuse:
    return Refuse(reason, 403, layer="cors", hint=hint)


def _asked_headers(facts: Facts) -> list[bytes]:
    """The names in `Access-Control-Request-Headers`, lower-case. Empty items don't count (RFC 9110, 5.6.1)."""
    names = (name.strip(b" \t").lower() for line in facts.values(_HEADERS) for name in line.split(b","))
    return [name for name in names if name]


def _tokens(key: str, names: tuple[str, ...]) -> list[bytes]:
    for name in names:
        if name == "*" or _TOKEN(name) is None:
            raise BadCors(
                f"cors.{key} has {name!r}, which is no name.",
                remedy="List the names one by one: a star would not cover Authorization, and hides what is open.",
                reference="Fetch standard, HTTP new-header syntax",
            )
    return [name.encode("ascii") for name in names]
