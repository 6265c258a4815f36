"""Listings of tables that clients filter, sort and page through, on SQLAlchemy: nothing a client sends becomes SQL.

Threat: a column, an operator or a direction that is put into a query as text (CWE-89), a filter on a column that was
never meant to be asked about (a password's hash, letter by letter; CWE-202), `%` and `_` as wildcards, a listing that
never ends (CWE-770; OWASP API Security 2023, API4). Names are looked up in a table of ours, values become parameters of
the column's own type, and every statement has a limit.

Assumption: the statement handed in names who may see what. Lets pass: filters on columns without an index, which take
long; name only columns that have one, or limit the rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql import quoted_name

from .text import SearchText
from .types_names import OneOf, SortBy, SortKeys
from .types_values import Day, Moment

Row = TypeVar("Row")
Column = InstrumentedAttribute[Any]

_CONDITION: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,62})(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_LONGEST: Final = 300
_FURTHEST: Final = 100_000
_OPERATORS: Final[Mapping[str, Callable[[Column, Any], ColumnElement[bool]]]] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "~": lambda column, value: column.icontains(value, autoescape=True),
}
_ORDERED: Final = frozenset({int, float, date, datetime})
_TYPES: Final[Mapping[type, Any]] = {str: SearchText, datetime: Moment, date: Day}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a column's name, an operator, and a value of the column's type."""

    name: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """A page of a listing; `more` says whether there are further rows."""

    rows: Sequence[Row]
    more: bool


class Listing:
    """What clients may ask of one table.

    columns   by the names that clients use: what may be filtered and sorted by
    key       a unique column, last in every order, so that pages neither repeat nor miss rows
    order     how rows come when nobody says, as in `-updated,title`
    search    names of the text columns that `search=` looks into
    most      rows of a page at most

    Raises ValueError for names that are no identifiers or not among `columns`: the mistake is the developer's.
    """

    def __init__(
        self, columns: Mapping[str, Column], *, key: Column, order: str, search: Sequence[str] = (), most: int = 100
    ) -> None:
        self.most = most
        self._columns = dict(columns)
        self._key = key
        self._sort = SortKeys(tuple(columns))
        self._order = self._sort.parse(order)
        self._search = [self._columns[OneOf(tuple(columns)).names[tuple(columns).index(name)]] for name in search]
        self._values = {name: _adapter(column) for name, column in columns.items()}

    @property
    def sort(self) -> SortKeys:
        """Parses `-updated,title`; an annotation for `tuple[SortBy, ...]`."""
        return self._sort

    def parse(self, text: str) -> Condition:
        """A condition from `name`, operator and value: `=`, `!=`; `~` (contains) for text; `<`, `<=`, `>`, `>=` for
        numbers and times. Raises `PydanticCustomError`."""
        found = _CONDITION.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None or found[1] not in self._columns:
            names = ", ".join(self._columns)
            raise PydanticCustomError("condition", "Write name, operator and value, of {names}", {"names": names})
        name, operator = found[1], found[2]
        kind, adapter = self._values[name]
        if (operator == "~" and kind is not str) or (operator[0] in "<>" and kind not in _ORDERED):
            raise PydanticCustomError("condition", "{name} can't be asked that way", {"name": name})
        try:
            return Condition(name, operator, adapter.validate_strings(found[3]))
        except ValidationError:
            raise PydanticCustomError("condition", "Not a value of {name}", {"name": name}) from None

    def select(
        self,
        statement: Select[Any],
        *,
        where: Iterable[Condition] = (),
        search: str = "",
        sort: Sequence[SortBy] = (),
        limit: int = 30,
        offset: int = 0,
    ) -> Select[Any]:
        """`statement`, narrowed, ordered and cut to `limit` rows and one more. Raises ValueError out of bounds."""
        if not 1 <= limit <= self.most or not 0 <= offset <= _FURTHEST:
            raise ValueError(f"a page has 1 to {self.most} rows, and begins at {_FURTHEST} at most")
        for one in where:
            statement = statement.where(_OPERATORS[one.operator](self._columns[one.name], one.value))
        if search and self._search:
            statement = statement.where(or_(*(column.icontains(search, autoescape=True) for column in self._search)))
        orders = [self._column(key) for key in (sort or self._order)]
        return statement.order_by(*orders, self._key).limit(limit + 1).offset(offset)

    async def fetch(self, session: AsyncSession, statement: Select[Any], **asked: Any) -> Found[Any]:
        """The page. `asked` as for `select`."""
        rows = (await session.scalars(self.select(statement, **asked))).all()
        limit = asked.get("limit", 30)
        return Found(rows[:limit], len(rows) > limit)

    def _column(self, key: SortBy) -> ColumnElement[Any]:
        column = self._columns[key.name]
        return column.desc() if key.descending else column.asc()


def _adapter(column: Column) -> tuple[type, TypeAdapter[Any]]:
    kind = column.type.python_type
    return kind, TypeAdapter(_TYPES.get(kind, kind))


def identifier(name: str, allowed: Collection[str]) -> quoted_name:
    """The table's or column's name `name`, always quoted, if it is one of `allowed`. Raises ValueError."""
    known = next((one for one in allowed if one == name), None)
    if known is None or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", known):
        raise ValueError("not one of the names that may stand here")
    return quoted_name(known, quote=True)
