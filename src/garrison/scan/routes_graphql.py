"""GraphQL that nothing bounds before its schema runs it.

Served by a library of its own (a router, a mounted application, a route) or by an endpoint that executes a schema. Lets
pass: other libraries, and a schema that is executed in a function that the endpoint calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from ..accounts.authorisation_routes import Route
from ..core.path import compile_paths
from ..core.verdict import Mode
from ..findings.record import Finding
from .routes_access import Application
from .routes_catalogue import Rule, at
from .routes_endpoint import Code, Reader, package_of

_SERVERS: Final = frozenset({"strawberry", "ariadne", "starlette_graphene3", "tartiflette_asgi"})
_SCHEMAS: Final = _SERVERS | {"graphene", "graphql"}
_EXECUTE: Final = frozenset({"execute", "execute_sync", "execute_async", "graphql", "graphql_sync", "subscribe"})
_DEEPEST: Final = 20


def graphql(routes: Iterable[Route], reader: Reader, app: Application) -> Iterator[Finding]:
    """R015, one finding for each path."""
    found: dict[str, Finding] = {}
    for route in routes:
        if route.path in found or _is_guarded(route.path, app):
            continue
        if _is_server(route.mounted) or _is_server(getattr(route.route, "endpoint", None)):
            found[route.path] = _finding("A GraphQL library serves it.", route, None)
        elif code := _executing(route, reader):
            found[route.path] = _finding("It executes a GraphQL document.", route, code)
    yield from found.values()


def _is_guarded(path: str, app: Application) -> bool:
    policy = app.policy_of(path, "POST")
    if policy is None or policy.graphql.mode is not Mode.ENFORCE:
        return False
    return compile_paths(policy.graphql.paths)(path)


def _is_server(thing: object) -> bool:
    """A function or class of such a library, or an object of one, also inside middleware."""
    for _ in range(_DEEPEST):
        if thing is not None and package_of(thing) in _SERVERS:
            return True
        thing = getattr(thing, "app", None)
    return False


def _executing(route: Route, reader: Reader) -> Code | None:
    endpoint = reader.endpoint(route)
    for code in endpoint.code if endpoint else ():
        for node in code.body():
            if isinstance(node, ast.Call) and _executes(code, node.func):
                return code
    return None


def _executes(code: Code, called: ast.expr) -> bool:
    """A function of `graphql`, or a method of a schema."""
    match called:
        case ast.Attribute(value=holder, attr=name) if name in _EXECUTE:
            meant = code.meaning(called) or code.meaning(holder)
        case ast.Name():
            meant = code.meaning(called)
            if getattr(meant, "__name__", "") not in _EXECUTE:
                return False
        case _:
            return False
    return meant is not None and package_of(meant) in _SCHEMAS


def _finding(message: str, route: Route, code: Code | None) -> Finding:
    where = at(code.path if code else None, code.line if code else None, route.path)
    return Rule.UNGUARDED_GRAPHQL.found(f"{message} The policy in force there does not name it.", where)
