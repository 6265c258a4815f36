"""Business constraints that need more than the input: the database, the principal, the time.

Threat: what a schema can't see. A title that is taken, a quantity above the stock, a manager who isn't one (CWE-840).
Assumption: the rule and the write share a transaction or a unique index; a rule alone is a race (CWE-367).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ..core.errors import DependencyError

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Broken:
    """A constraint that does not hold: the `field` (dotted, as the client sent it) and one sentence for the client."""

    field: str
    sentence: str
    kind: str = "constraint"


Rule = Callable[[Value], Awaitable[Broken | None]]


async def require(value: Value, *rules: Rule[Value]) -> Value:
    """`value`, if every rule says None. Rules run in their order, all of them, so a client learns everything at once.

    Raises FastAPI's `RequestValidationError` (422, the same answer as for a malformed field) naming each broken rule,
    and `DependencyError` where FastAPI is not installed. An error a rule raises goes through: nothing is accepted.
    """
    broken = [found for rule in rules if (found := await rule(value)) is not None]
    if not broken:
        return value
    try:
        from fastapi.exceptions import RequestValidationError
    except ImportError as error:
        raise DependencyError("Rules are answered through FastAPI.", remedy="pip install fastapi") from error
    raise RequestValidationError(
        [{"type": one.kind, "loc": ("body", *one.field.split(".")), "msg": one.sentence} for one in broken]
    )
