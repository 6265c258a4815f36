"""Money, days and moments, and ranges of them.

Threat: values that are legal and absurd: `0.1` as a binary fraction of money, a date in the year 9999 that overflows an
index, a moment without a zone, a range that ends before it begins or takes a century to render (CWE-682, CWE-1284).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from .model import Input

_MINOR: Final = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
"""Minor units of ISO 4217 that are not two digits."""
_FIRST: Final = date(1900, 1, 1)
_LAST: Final = date(2199, 12, 31)


def _no_binary(value: object) -> object:
    if isinstance(value, float | bool):
        raise PydanticCustomError("money_float", "Write an amount as text, not as a binary fraction")
    return value


def _utc(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment_range", "Not a moment between 1900 and 2199") from None
    if not _FIRST <= moment.date() <= _LAST:
        raise PydanticCustomError("moment_range", "Not a moment between 1900 and 2199")
    return moment


Amount = Annotated[Decimal, BeforeValidator(_no_binary), Field(max_digits=18, decimal_places=4, allow_inf_nan=False)]
"""An exact amount: text (`"12.50"`) or a whole number, to 18 digits, four of them after the point. Floats, NaN and
infinities are refused."""

Day = Annotated[date, Field(ge=_FIRST, le=_LAST)]
"""A calendar day from 1900-01-01 to 2199-12-31 (RFC 3339 full-date)."""

Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment with its zone (RFC 3339), kept in UTC, in the years 1900 to 2199. Without a zone it is refused: it would be
read differently by every machine."""


class Money(Input):
    """An amount in a currency (ISO 4217 code), with no more decimals than the currency has: JPY 0, KWD 3, most 2."""

    amount: Amount
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", max_length=3)]

    @model_validator(mode="after")
    def _decimals(self) -> Self:
        exponent = self.amount.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > _MINOR.get(self.currency, 2):
            raise PydanticCustomError("money_decimals", "More decimals than the currency has")
        return self


class DayRange(Input):
    """From `start` to `end`, both included, at most `LONGEST` days (set it in a subclass)."""

    LONGEST: ClassVar[int] = 366

    start: Day
    end: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise PydanticCustomError("range_order", "The end lies before the start")
        if (self.end - self.start).days >= self.LONGEST:
            raise PydanticCustomError("range_length", "A range has at most {days} days", {"days": self.LONGEST})
        return self
