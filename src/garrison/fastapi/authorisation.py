"""Who may use a route, as dependencies: `@app.get("/notes", dependencies=[scope("notes:read")])`.

`public`, `authenticated` and `logged_in` are such dependencies, `scope(…)` and `allow(…)` make them, and
`Depends(fresh_login("5 min"))` asks for a recent log-in. They hold for WebSocket endpoints too. All that stand at a
route hold together. For mounts and plain ASGI applications there is `guarded(app, …)`, for endpoints of Starlette
`requires`.

Whoever is not known gets 401, whoever may not gets 403, as an `HTTPException` that the application's own error pages
may dress (a redirect to the log-in form, say). FastAPI reads the body before it asks dependencies: a body that is no
JSON is answered 422 before anybody is asked who they are.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from fastapi import Depends, HTTPException
from fastapi.params import Depends as Dependency
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from ..accounts.authorisation import (
    AUTHENTICATED,
    LOGGED_IN,
    MARK,
    PUBLIC,
    Access,
    Check,
    allowed,
    fresh,
    judge,
    scoped,
)
from ..asgi.guarded import Guarded
from ..core.verdict import Reason, Refuse
from ..events.vocabulary import for_reason
from ..policy.units import parse_duration
from .current import exchange

_Asking = TypeVar("_Asking", bound=HTTPConnection)
_Answer = TypeVar("_Answer")
_Endpoint: TypeAlias = Callable[[_Asking], Awaitable[_Answer]]


class AccessRefused(HTTPException):
    """Somebody asked for what they may not have. `refusal` says why; its status is 401 or 403."""

    def __init__(self, refusal: Refuse) -> None:
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in refusal.headers}
        super().__init__(refusal.status, refusal.hint, headers=headers or None)
        self.refusal = refusal


class FreshLoginNeeded(AccessRefused):
    """The log-in is too long ago for this. Lead to a page that asks for the password or a code, and back."""


class Guard:
    """The dependency behind all of them. `garrison_access` is what it enforces."""

    def __init__(self, access: Access) -> None:
        self.garrison_access = access

    async def __call__(self, connection: HTTPConnection) -> None:
        await _enforce(self.garrison_access, connection)

    def __repr__(self) -> str:
        return f"Guard({self.garrison_access.name!r})"


async def _enforce(access: Access, connection: HTTPConnection) -> None:
    current = exchange(connection)
    refusal = await judge(access, current)
    if refusal is None:
        return
    who = current.principal.id if current.principal else ""
    current.services.emit(
        for_reason(refusal.reason),
        current.facts,
        reason=refusal.reason,
        layer=refusal.layer,
        mode="enforce",
        status=refusal.status,
        principal=who,
        needs=access.name,
        detail=refusal.detail,
    )
    if connection.scope["type"] == "websocket":
        raise WebSocketException(refusal.close, refusal.hint)
    raise (FreshLoginNeeded if refusal.reason is Reason.LOGIN_NOT_FRESH else AccessRefused)(refusal)


public: Final[Dependency] = Depends(Guard(PUBLIC))
"""For everybody."""
authenticated: Final[Dependency] = Depends(Guard(AUTHENTICATED))
"""For whoever is known: a session, an API key, a token."""
logged_in: Final[Dependency] = Depends(Guard(LOGGED_IN))
"""For people in a session: no key and no token."""


def scope(*scopes: str) -> Dependency:
    """For whoever has all of `scopes`. Raises ValueError without any, or for white space."""
    made: Dependency = Depends(Guard(scoped(*scopes)))
    return made


def allow(check: Check, name: str = "") -> Dependency:
    """For whom `check(principal, exchange)` answers True; it may be a coroutine."""
    made: Dependency = Depends(Guard(allowed(check, name)))
    return made


def fresh_login(within: str | float) -> Guard:
    """`Depends(fresh_login("5 min"))`: for people who logged in, or confirmed it, that long ago at most.

    Raises ValueError for what is no duration above 0. Keys and tokens are refused (403): they have no log-in.
    """
    return Guard(fresh(parse_duration(within)))


def guarded(app: ASGIApp, access: Dependency) -> Guarded:
    """`app.mount("/files", guarded(StaticFiles(directory="files"), authenticated))`: ask before `app` runs.

    Raises TypeError for what is none of this module's dependencies.
    """
    declared = _access_of(access)
    return Guarded(app, functools.partial(judge, declared), declared)


def requires(access: Dependency) -> Callable[[_Endpoint[_Asking, _Answer]], _Endpoint[_Asking, _Answer]]:
    """Decorate an endpoint of Starlette, `async def endpoint(request)` or `(websocket)`. Raises TypeError as above."""
    declared = _access_of(access)

    def decorate(endpoint: _Endpoint[_Asking, _Answer]) -> _Endpoint[_Asking, _Answer]:
        @functools.wraps(endpoint)
        async def asked(connection: _Asking) -> _Answer:
            await _enforce(declared, connection)
            return await endpoint(connection)

        setattr(asked, MARK, declared)
        return asked

    return decorate


def _access_of(dependency: Dependency) -> Access:
    found = getattr(getattr(dependency, "dependency", None), MARK, None)
    if not isinstance(found, Access):
        raise TypeError("this takes public, authenticated, logged_in, scope(…) or allow(…)")
    return found
