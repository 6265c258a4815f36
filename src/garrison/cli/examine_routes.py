"""What `garrison check` says of route classes and the application together: a path that nothing serves is mistyped.

Threat: `/logn` in a route class. Its limits hold nowhere, `/login` has those of everybody, and nothing fails.
Assumption: the application shows its routes (FastAPI, Starlette). Lets pass: paths served by middleware are told
although they are right, so this is no error; a path that fits some other route by accident.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..accounts.authorisation_routes import Route, RoutesUnknown, find_routes
from ..findings.record import Finding
from ..findings.severity import Severity
from ..policy.checks import locate
from ..policy.load import Loaded

_ALWAYS = frozenset({"HEAD", "OPTIONS"})


def examine_routes(app: object, loaded: Loaded) -> list[Finding]:
    """A finding for each path of a route class that `app` does not serve; none where its routes can't be known."""
    try:
        routes = list(find_routes(app))
    except RoutesUnknown:
        return []
    if any(not route.path.startswith("/") for route in routes):
        return []  # parts of it are chosen by Host, and what they serve below which path can't be told here
    return list(_unserved(routes, loaded))


def _unserved(routes: Sequence[Route], loaded: Loaded) -> Iterator[Finding]:
    for index, group in enumerate(loaded.policy.routes):
        for place, path in enumerate(group.paths):
            there = [route for route in routes if fits(path, route.path, closed=route.route is None)]
            if path.startswith(loaded.policy.prefix) or any(_takes(route, group.methods) for route in there):
                continue
            what = f"with {', '.join(group.methods)} " if there else ""
            yield _finding(f"{path}, which the application does not serve {what}".rstrip(), index, place, loaded)


def fits(pattern: str, path: str, *, closed: bool) -> bool:
    """Whether a request can be for the route of `path` and for `pattern` of a route class. `closed`: what stands there
    can't be looked into, so it may serve anything below."""
    wanted, served = pattern.strip("/").split("/"), path.strip("/").split("/")
    if closed and served == [""]:
        return True
    for place, segment in enumerate(wanted):
        if segment == "**":
            return True
        if place >= len(served):
            return closed
        if ":path}" in served[place]:
            return True
        if segment != "*" and "{" not in served[place] and segment != served[place]:
            return False
    rest = served[len(wanted) :]
    return not rest or (len(rest) == 1 and ":path}" in rest[0])


def _takes(route: Route, methods: Collection[str]) -> bool:
    if not methods or route.methods == "ALL":
        return True
    served = {"GET"} if route.methods == "WEBSOCKET" else set(route.methods.split(","))
    return not served.isdisjoint(methods) or not _ALWAYS.isdisjoint(methods)


def _finding(message: str, index: int, place: int, loaded: Loaded) -> Finding:
    key = f"routes.{index}.paths.{place}"
    return Finding(
        id="routes/unserved",
        title="Route class that fits nothing",
        severity=Severity.MEDIUM,
        message=f"the class {loaded.policy.routes[index].name!r} names {message}.",
        consequence="What the class sets holds nowhere, and the path that was meant has the settings of all others.",
        remedy="Write the path as the application declares it; if middleware serves it, this can be left.",
        reference="docs/policy.md#route-classes",
        location=locate(loaded.source(key), key),
    )
