"""Money, days and moments, and ranges of them.

Threat: values that are legal and absurd: `0.1` as a binary fraction of money, a date in the year 9999 that overflows an
index, a moment without a zone, a range that ends before it begins or takes a century to render (CWE-682, CWE-1284).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .model import Input
from .text import OWN

_MINOR: Final = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
"""Minor units of ISO 4217 that are not two digits."""
_OTHERS: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
    COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD
    SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_OTHERS.split()) | frozenset(_MINOR)
"""Codes of ISO 4217 for money that people hold, those replaced in 2025 and 2026 (ANG, BGN) included."""
_AMOUNT: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_FIRST: Final = date(1900, 1, 1)
_LAST: Final = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class _Written:
    """Annotation: text of the shape `pattern`, or the value itself; pydantic alone would take numbers as well."""

    pattern: str
    format: str
    sentence: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        value: dict[str, Any] = dict(handler(source))
        text = core_schema.chain_schema([core_schema.str_schema(pattern=self.pattern), cast("CoreSchema", value)])
        itself = cast("CoreSchema", {**value, "strict": True})
        return core_schema.union_schema(
            [text, itself], mode="left_to_right", custom_error_type=self.format.replace("-", "_"),
            custom_error_message=self.sentence, metadata=dict(OWN),
        )  # fmt: skip

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": self.format}


def _amount(value: object) -> object:
    if isinstance(value, float | bool):
        raise PydanticCustomError("money_float", "Write an amount as text, not as a binary fraction")
    if isinstance(value, str) and not _AMOUNT.fullmatch(value.strip()):
        raise PydanticCustomError("money_text", "Write an amount as digits with one point: 12.50")
    return value


def _no_minus_zero(value: Decimal) -> Decimal:
    return value if value else abs(value)


def _utc(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment_range", "Not a moment between 1900 and 2199") from None
    if not _FIRST <= moment.date() <= _LAST:
        raise PydanticCustomError("moment_range", "Not a moment between 1900 and 2199")
    return moment


Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    Field(max_digits=18, decimal_places=4, allow_inf_nan=False),
    AfterValidator(_no_minus_zero),
]
"""An exact amount: text (`"12.50"`) or a whole number, to 18 digits, four of them after the point. Refused: floats,
NaN, infinities, exponents (`1e5`), underscores, digits of other scripts, which each reader reads in its own way."""

Day = Annotated[
    date,
    Field(ge=_FIRST, le=_LAST),
    _Written(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "date", "Write a day from 1900 to 2199 as YYYY-MM-DD"),
]
"""A calendar day from 1900-01-01 to 2199-12-31, written `2026-11-28` (RFC 3339 full-date). Refused: numbers, which
count seconds for one reader and milliseconds for another; a day with a time, which is another day elsewhere."""

Moment = Annotated[
    AwareDatetime,
    _Written(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", "date-time", "Write a moment as YYYY-MM-DDThh:mm:ss with its zone"),
    AfterValidator(_utc),
]
"""A moment with its zone (RFC 3339 date-time), kept in UTC, in the years 1900 to 2199. Refused: no zone, which each
machine reads differently; numbers, which count seconds for one reader and milliseconds for another."""


class Money(Input):
    """An amount in a currency (`CURRENCIES`, ISO 4217), with no more decimals than it has: JPY 0, KWD 3, most 2."""

    amount: Amount
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", max_length=3)]

    @field_validator("currency")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in CURRENCIES:
            raise PydanticCustomError("money_currency", "Not a currency of ISO 4217")
        return code

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
