"""`asked(listing)`: a dependency that reads what a client asks of a listing, for `garrison.inputs.queries`.

    Asked = Annotated[Page, Depends(asked(NOTES))]

    @app.get("/notes")
    async def notes(page: Asked, session: Session) -> ...:
        found = await NOTES.fetch(session, select(Note).where(…), **page.options)

Threat, and what it lets pass: see there. Wrong names, values and bounds are 422, as for every other field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticCustomError

from ..inputs.queries import Condition, Listing
from ..inputs.types_names import SortBy

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: conditions, order, and the page."""

    where: Sequence[Condition]
    sort: Sequence[SortBy]
    limit: int
    offset: int

    @property
    def options(self) -> dict[str, Any]:
        """For `Listing.fetch` and `Listing.select`."""
        return {"where": self.where, "sort": self.sort, "limit": self.limit, "offset": self.offset}


def asked(listing: Listing, *, usual: int = 30, conditions: int = 5) -> Callable[..., Page]:
    """A dependency for `?where=title~plan&where=shared=true&sort=-updated,title&limit=30&offset=0`.

    usual        rows of a page when nobody says
    conditions   `where` at most so often
    """

    def read(
        where: list[str] = Query((), max_length=conditions, description="name, operator, value: title~plan"),  # noqa: B008
        sort: str = Query("", max_length=200, description="names, with - for descending: -updated,title"),
        limit: int = Query(usual, ge=1, le=listing.most),
        offset: int = Query(0, ge=0, le=100_000),
    ) -> Page:
        parsed = tuple(_read("where", listing.parse, text) for text in where)
        return Page(parsed, _read("sort", listing.sort.parse, sort) if sort else (), limit, offset)

    return read


def _read(field: str, parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except PydanticCustomError as error:
        told = {"type": error.type, "loc": ("query", field), "msg": error.message()}
        raise RequestValidationError([told]) from None
