"""Who may use a route: declared on each of them, or the application does not start.

Threat: the route somebody forgot to protect (OWASP API Security 2023, API5; ASVS 5.0, 8.2.1). So every route says what
it asks for: `PUBLIC`, `AUTHENTICATED`, `LOGGED_IN`, `scope(…)` or `allow(…)`; `authorisation_routes` refuses the start
when one does not, and `judge` enforces what was said.

401 is for who is not known, with a challenge (RFC 9110, section 15.5.2); 403 for who is known and may not. Lets pass:
whose object it is (API1): that the endpoint has to ask, or a database query that starts from the owner.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from ..core.exchange import Exchange, Principal
from ..core.verdict import Reason, Refuse
from .authorisation_principals import CHALLENGE, Principals
from .step_up import Freshness

LAYER: Final = "authorisation"
MARK: Final = "garrison_access"
"""The attribute under which a dependency or endpoint that enforces its access carries it."""
Check: TypeAlias = Callable[[Principal, Exchange], bool | Awaitable[bool]]
_Marked = TypeVar("_Marked", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of who is asking.

    name      what events and the start-up error call it
    anybody   no principal is needed
    kinds     kinds of principal that may; empty for all
    scopes    all of them are needed
    check     a question of the application's own, asked last
    within    seconds since the log-in or its last confirmation; 0 asks nothing
    """

    name: str
    anybody: bool = False
    kinds: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    check: Check | None = None
    within: float = 0.0


PUBLIC: Final = Access("public", anybody=True)
"""For everybody."""
AUTHENTICATED: Final = Access("authenticated")
"""For whoever is known: a session, an API key, a token."""
LOGGED_IN: Final = Access("logged in", kinds=frozenset({"user"}))
"""For people in a session: no key and no token. For everything that hands out credentials."""


def scoped(*scopes: str) -> Access:
    """For whoever has all of `scopes`, people in a session too. Raises ValueError without any, or for white space."""
    if not scopes or any(scope.split() != [scope] for scope in scopes):
        raise ValueError("scopes are words, at least one")
    return Access(f"scope {' '.join(scopes)}", scopes=frozenset(scopes))


def allowed(check: Check, name: str = "") -> Access:
    """For whom `check(principal, exchange)` answers True; it may be a coroutine. An exception of its own is a 500.
    Raises TypeError for what can't be called."""
    if not callable(check):
        raise TypeError(f"a check is a function (principal, exchange), not {check!r}")
    return Access(name or getattr(check, "__name__", "a check"), check=check)


def fresh(within: float) -> Access:
    """For people who logged in, or confirmed it, at most `within` seconds ago. Raises ValueError for none."""
    if within <= 0:
        raise ValueError("a log-in is never fresher than now")
    return Access(f"log-in within {within:g} s", kinds=frozenset({"user"}), within=within)


def enforces(access: Access) -> Callable[[_Marked], _Marked]:
    """Mark a dependency of your own as one that enforces `access`, so that routes with it count as declared.

    Nobody can see whether it does: you vouch for it.
    """

    def mark(function: _Marked) -> _Marked:
        setattr(function, MARK, access)
        return function

    return mark


async def judge(access: Access, exchange: Exchange) -> Refuse | None:
    """Whether who is asking may. Raises what `access.check` raises, and `DependencyError` when a store is away."""
    if access.anybody:
        return None
    principal = exchange.principal
    if principal is None:
        return _unknown(exchange)
    if access.kinds and principal.kind not in access.kinds:
        return _not_allowed(principal, access, f"a principal of the kind {principal.kind}")
    if not access.scopes <= principal.scopes:
        return _not_allowed(principal, access, f"without {' '.join(sorted(access.scopes - principal.scopes))}")
    if access.check is not None:
        answer = access.check(principal, exchange)
        if (await answer if inspect.isawaitable(answer) else answer) is not True:
            return _not_allowed(principal, access, access.name)
    return await _stale(access, exchange) if access.within else None


async def _stale(access: Access, exchange: Exchange) -> Refuse | None:
    age = await Freshness(exchange.services).age(exchange)
    if age is not None and age <= access.within:
        return None
    # RFC 9470, section 3, says how a client is told; scripts and pages see 401 and ask for the password again.
    challenge = f'{_scheme(exchange)} error="insufficient_user_authentication", max_age="{access.within:g}"'
    return Refuse(
        Reason.LOGIN_NOT_FRESH,
        401,
        ((b"www-authenticate", challenge.encode("ascii")),),
        layer=LAYER,
        detail=access.name,
        hint="Confirm that it is you: log in again.",
    )


def _unknown(exchange: Exchange) -> Refuse:
    challenge = _scheme(exchange).encode("ascii")
    return Refuse(Reason.UNAUTHENTICATED, 401, ((b"www-authenticate", challenge),), layer=LAYER, hint="Log in first.")


def _not_allowed(principal: Principal, access: Access, why: str) -> Refuse:
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if principal.kind != "user" and access.scopes:  # RFC 6750, section 3.1
        wanted = " ".join(sorted(access.scopes))
        headers = ((b"www-authenticate", f'Bearer error="insufficient_scope", scope="{wanted}"'.encode("latin-1")),)
    return Refuse(Reason.NOT_ALLOWED, 403, headers, layer=LAYER, detail=why, hint="You may not do this.")


def _scheme(exchange: Exchange) -> str:
    """What a 401 asks for. Browsers know no scheme for log-in pages, and ignore one they don't know."""
    resolve = exchange.services.principal
    return CHALLENGE if isinstance(resolve, Principals) and resolve.takes_tokens else "Session"
