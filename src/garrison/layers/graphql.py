"""GraphQL: what a request asks for is bounded before the schema executes, or even validates, any of it.

Threat: see `graphql_document` for documents that cost more than their bytes, `graphql_form` for those inside forms. And
ways around a guard: a list of operations, a document in the query string or in a message of a WebSocket, a body whose
type only the GraphQL library takes for JSON, a mutation by a link (CSRF; GraphQL over HTTP, section 6.2).

Judges every way in: GET, JSON, URL-encoded and multipart forms, `application/graphql`, and messages of graphql-ws and
graphql-transport-ws. A body of another type is refused, for nobody could say what it asks. Assumption: `paths` names
all places where GraphQL is served; `harden` refuses to start with one that is not there.

Lets pass: a page without a document, as GraphiQL is fetched; what `graphql_document` lets pass; with
`persisted = "pass"` whatever document the server has kept under a name, which was judged if it once came this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..core.errors import OperatorError
from ..core.layer import Layer
from ..core.path import compile_paths
from ..core.ports import Services
from ..core.verdict import Mode
from ..policy.model import Policy

NAME: Final = "graphql"


class GraphqlLibraryMissing(OperatorError):
    """`graphql.paths` names GraphQL endpoints, and what reads GraphQL is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The policy's graphql.paths names GraphQL endpoints, and the library that reads GraphQL is not installed.",
            remedy='Install it with pip install "garrison[graphql]".',
            reference="docs/layers/graphql.md",
        )


class GraphqlPathUnknown(OperatorError):
    """The policy guards a path at which nothing is served: the GraphQL endpoint stands elsewhere, unguarded."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            f"The policy's graphql.paths names {', '.join(paths)}, where the application has no route.",
            remedy="Write the path as clients do, with the prefixes of routers and mounts; `garrison routes` shows it.",
            reference="docs/layers/graphql.md",
        )
        self.paths = tuple(paths)


def unserved(paths: Iterable[str], routes: Sequence[tuple[str, bool]]) -> list[str]:
    """Those of `paths` that fit none of `routes`: the path of each, and whether it is a mount nobody can look into."""
    return sorted(path for path in paths if not any(_fits(path, route, closed=closed) for route, closed in routes))


def _fits(path: str, route: str, *, closed: bool) -> bool:
    below = closed and (path + "/").startswith(route.rstrip("/") + "/")
    return below or compile_paths((path,))(route)


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class; off where no path is named. Raises `GraphqlLibraryMissing`, ValueError."""
    section = policy.graphql
    if not section.paths or section.mode is Mode.OFF:
        return Layer(NAME, mode=Mode.OFF)
    try:
        from .graphql_guard import Guard  # needs libraries that are there where GraphQL is served, and nowhere else
    except ImportError as error:
        raise GraphqlLibraryMissing from error
    guard = Guard(policy)
    return Layer(NAME, decide=guard.decide, peek=guard.peek, watch=guard.watch, mode=section.mode)
