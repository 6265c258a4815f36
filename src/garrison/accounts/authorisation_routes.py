"""Find every route of an application that does not say who may use it, and refuse to start.

Threat: an endpoint added in a hurry, a router included without its dependencies, a mounted application, static files,
documentation pages that the framework adds by itself. FastAPI's dependencies of a router do not hold for plain routes,
mounts and WebSocket routes of Starlette in it: each of these is looked at by itself.

A route is declared by a dependency or endpoint that carries `authorisation.MARK` (it enforces what it says), by
standing below a mount that does, or by its path in `public`. What this can't look into counts as undeclared.

Duck-typed: routes are known by their attributes, so that neither FastAPI nor Starlette need be installed. Lets pass:
routes that are added after the start; middleware that answers by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.errors import OperatorError
from .authorisation import MARK, Access

_DEEPEST: Final = 30


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `methods` as text, `access` all that was declared for it, the mounts above it included.

    `route` is the framework's own object, None for what can't be looked into; `mounted` is what stands there then."""

    path: str
    methods: str
    access: tuple[Access, ...]
    route: object | None = field(default=None, compare=False, repr=False)
    mounted: object | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"{self.methods} {self.path}"


class RoutesUndeclared(OperatorError):
    """Routes that don't say who may use them, that contradict themselves, or that the policy names and aren't there.

    `undeclared` and `torn` are names such as "GET /notes"; `unused` are paths of the policy that fit no route.
    """

    def __init__(self, undeclared: Collection[str], torn: Collection[str], unused: Collection[str]) -> None:
        parts = (
            ("These routes don't say who may use them", undeclared),
            ("These are public and something else at once", torn),
            ("These paths in authorisation.public fit no route", unused),
        )
        told = [f"{what}:\n" + "".join(f"  {name}\n" for name in names) for what, names in parts if names]
        super().__init__(
            "\n".join(told),
            remedy="Add public, authenticated, logged_in, scope(…) or allow(…) of garrison.fastapi to their "
            "dependencies; wrap mounts in guarded(…); name what is public and can't say so in authorisation.public.",
            reference="OWASP ASVS 5.0, 8.2.1",
        )
        self.undeclared = tuple(undeclared)
        self.torn = tuple(torn)
        self.unused = tuple(unused)


class RoutesUnknown(OperatorError):
    """The application shows no routes."""

    def __init__(self) -> None:
        super().__init__(
            "authorisation.declare needs an application whose routes can be listed (FastAPI, Starlette).",
            remedy="Wrap the whole application in guarded(…), or set authorisation.declare = false.",
        )


def refuse_undeclared(app: object, public: Collection[str] = ()) -> None:
    """Raise `RoutesUndeclared` unless every route of `app` is declared; `public` are paths as the error writes them.

    Raises `RoutesUnknown` for an application that shows no routes and is not `guarded` as a whole.
    """
    found = list(find_routes(app))
    undeclared = [one.name for one in found if not one.access and one.path not in public]
    torn = [one.name for one in found if len({each.anybody for each in one.access}) > 1]
    unused = [path for path in public if all(one.path != path for one in found)]
    if undeclared or torn or unused:
        raise RoutesUndeclared(undeclared, torn, unused)


def find_routes(app: object) -> Iterator[Route]:
    """Every route of `app`: through middleware, included routers, mounts and hosts. Raises `RoutesUnknown`."""
    inner, access = _unwrapped(app)
    if inner is None:
        if access:
            yield Route("/", "ALL", access)
            return
        raise RoutesUnknown
    yield from _below(inner, "", access, 0)


def _unwrapped(app: object) -> tuple[object | None, tuple[Access, ...]]:
    """The application with routes inside wrappers such as middleware, and what the wrappers declare."""
    access: tuple[Access, ...] = ()
    for _ in range(_DEEPEST):
        if app is None:
            break
        access += _marks(app)
        if isinstance(getattr(app, "routes", None), (list, tuple)):
            return app, access
        app = getattr(app, "app", None)
    return None, access


def _below(app: object, prefix: str, above: tuple[Access, ...], depth: int) -> Iterator[Route]:
    if depth > _DEEPEST:
        yield Route(f"{prefix}/…", "ALL", ())
        return
    for route in _listed(app):
        path = prefix + (getattr(route, "path", None) or getattr(route, "host", None) or "")
        if (frontends := _frontends(route)) is not None:
            own = above + _of_dependencies(getattr(route, "dependant", None))
            joined = prefix + str(getattr(route, "frontend_prefix", ""))
            yield from (Route(joined + str(getattr(one, "path", "")), "GET", own) for one in frontends)
        elif _is_mount(route):
            yield from _mounted(route, path, above, depth)
        else:
            yield Route(path or "/", _methods(route), above + _declared(route), route)


def _mounted(route: object, path: str, above: tuple[Access, ...], depth: int) -> Iterator[Route]:
    inner, access = _unwrapped(getattr(route, "app", None))
    if inner is None or (above + access):
        yield Route(path or "/", "ALL", above + access, mounted=getattr(route, "app", None))
    if inner is not None:
        yield from _below(inner, path, above + access, depth + 1)


def _listed(app: object) -> Iterator[object]:
    """The routes of an application as they are in force: those of included routers with their prefix and dependencies,
    and those that FastAPI keeps apart because they come last."""
    routes: Iterable[object] = getattr(app, "routes", ())
    listing: Callable[[list[object]], Iterable[object]] | None = getattr(
        sys.modules.get("fastapi.routing"), "iter_route_contexts", None
    )
    yield from listing(list(routes)) if listing else routes
    router = getattr(app, "router", app)
    last = getattr(router, "_iter_low_priority_routes", None)
    if last is not None:
        yield from last()


def _frontends(route: object) -> list[object] | None:
    """The single-page applications of FastAPI's `frontend()`: one group of paths under one set of dependencies."""
    group: Any = getattr(route, "original_route", route)
    return list(group.routes) if type(group).__name__ == "_FrontendRouteGroup" else None


def _is_mount(route: object) -> bool:
    """Mounts and hosts hold an application, and no endpoint."""
    return getattr(route, "endpoint", None) is None and getattr(route, "app", None) is not None


def _declared(route: Any) -> tuple[Access, ...]:
    endpoint = getattr(route, "endpoint", None)
    return _of_dependencies(getattr(route, "dependant", None)) + _marks(endpoint) + _marks(getattr(route, "app", None))


def _of_dependencies(dependant: Any, depth: int = 0) -> tuple[Access, ...]:
    """What the dependencies of a FastAPI route declare, down to those of dependencies."""
    if dependant is None or depth > _DEEPEST:
        return ()
    own = _marks(getattr(dependant, "call", None)) if depth else ()
    for each in getattr(dependant, "dependencies", ()):
        own += _of_dependencies(each, depth + 1)
    return own


def _marks(thing: object) -> tuple[Access, ...]:
    found = getattr(thing, MARK, None)
    return (found,) if isinstance(found, Access) else ()


def _methods(route: object) -> str:
    methods = getattr(route, "methods", None)
    if methods:
        return ",".join(sorted(methods - {"HEAD"} or methods))
    original = getattr(route, "original_route", route)
    return "WEBSOCKET" if "WebSocket" in type(original).__name__ else "ALL"
