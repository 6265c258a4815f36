"""`[[suppressions]]`: findings that somebody decided to live with, for a reason and for a time."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from .section import Frozen


class SuppressionTable(Frozen):
    """A finding that is not reported, until a day. Past it the finding is back; an entry that fits nothing is told."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$")]
    """The rule: `R008`, `G101`, `B608`."""
    where: Annotated[str, Field(min_length=1, max_length=300)]
    """The route (`POST /hooks/*`), file (`shop/old/*.py`) or name that the finding shows; `*` stands for anything."""
    reason: Annotated[str, Field(min_length=10, max_length=500)]
    """Why it is no problem here, in a sentence."""
    until: date
    """The last day that it holds: `2027-01-31`."""
    owner: Annotated[str, Field(max_length=100)] = ""
    """Who answers for it, and is named when it ends."""
    approved_by: Annotated[str, Field(max_length=100)] = ""
    """Who agreed, other than the owner: without it nothing from the severity `scan.approval_from` on is held back."""

    @model_validator(mode="after")
    def _two_people(self) -> Self:
        if self.approved_by.strip() and self.approved_by.strip().casefold() == self.owner.strip().casefold():
            raise ValueError("approved_by is the owner: somebody else has to agree")
        return self
