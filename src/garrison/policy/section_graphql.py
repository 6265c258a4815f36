"""The section `graphql`: where GraphQL is served, and what one request may ask of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ..core.path import compile_paths
from .section import Names, Section
from .units import Bytes


def _check_paths(paths: Names) -> Names:
    compile_paths(paths)
    return paths


class GraphqlSection(Section):
    """GraphQL: what a request may ask, judged before the schema sees it. Fragments count wherever they are used."""

    paths: Annotated[Names, AfterValidator(_check_paths)] = ()
    """Where GraphQL is served, as in route classes: `/graphql`. Needs the extra `graphql`. Empty: nowhere."""
    depth: Annotated[int, Field(ge=1, le=100)] = 12
    """How deep fields nest."""
    fields: Annotated[int, Field(ge=1)] = 500
    """Fields of a request."""
    aliases: Annotated[int, Field(ge=0)] = 20
    """Aliased fields of a request: each runs its resolver once more."""
    directives: Annotated[int, Field(ge=0)] = 50
    """Directives of a request."""
    batch: Annotated[int, Field(ge=1)] = 1
    """Operations sent as one list; all bounds hold for the list together."""
    tokens: Annotated[int, Field(ge=10, le=100_000)] = 2000
    """Tokens of a document; reading stops there."""
    document: Annotated[Bytes, Field(ge=10)] = 32 * 1024
    """Bytes of a document."""
    introspection: Literal["refuse", "pass"] = "refuse"
    """Whether clients may ask for the schema; within bounds of its own."""
    persisted: Literal["refuse", "pass"] = "refuse"
    """Requests that name a document the server has kept, and bring none: they can't be judged."""
