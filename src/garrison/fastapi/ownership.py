"""`owned_by`: objects of the one who asks, and 404 for all others.

Threat: an id of somebody else's object in the path (CWE-639; OWASP API Security 2023, API1), and answers that tell
whether it exists (403 against 404). The owner is part of the query, so there is no moment at which a foreign object is
loaded, and a missing object and a foreign one are the same answer.

    note = await owned_by(principal, Note.owner_id).one(session, Note, Note.id == id)

Lets pass: what is reachable from an object (`note.attachments`), which is as owned as the object is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Select, false, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ..core.exchange import Principal
from .catalogue import NOT_HERE

Row = TypeVar("Row")


class Owned:
    """What belongs to one principal; see `owned_by`."""

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self._condition = condition

    def select(self, model: type[Row], *conditions: ColumnElement[bool]) -> Select[Any]:
        """The statement, to be narrowed further."""
        return select(model).where(self._condition, *conditions)

    async def one(self, session: AsyncSession, model: type[Row], *conditions: ColumnElement[bool]) -> Row:
        """The first that meets `conditions`. Raises `NOT_HERE` (404) where there is none of theirs."""
        found: Row | None = await session.scalar(self.select(model, *conditions).limit(1))
        if found is None:
            raise NOT_HERE.error()
        return found

    async def all(
        self, session: AsyncSession, model: type[Row], *conditions: ColumnElement[bool], most: int = 1000
    ) -> Sequence[Row]:
        """All that meet `conditions`, `most` of them."""
        rows: Sequence[Row] = (await session.scalars(self.select(model, *conditions).limit(most))).all()
        return rows


def owned_by(principal: Principal | None, owner: InstrumentedAttribute[Any]) -> Owned:
    """What belongs to `principal` by the column `owner`, whose type its id is turned into. Nobody owns nothing, and
    neither does an id that is none of the column's type."""
    if principal is None:
        return Owned(false())
    try:
        value = TypeAdapter(owner.type.python_type).validate_strings(principal.id)
    except ValidationError:
        return Owned(false())
    return Owned(owner == value)
