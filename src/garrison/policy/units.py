"""Human units in policy files: durations, sizes and rates, parsed once into plain numbers or refused.

The errors never quote the value: it may be a secret that stands in the wrong place.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator
from pydantic_core import core_schema

_SECONDS: Final = {
    "ms": 0.001,
    "s": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "week": 604800.0,
    "year": 31536000.0,
}
_BYTES: Final = {"b": 1, "kb": 1024, "kib": 1024, "mb": 1024**2, "mib": 1024**2, "gb": 1024**3, "gib": 1024**3}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([a-zA-Z]+)")
_RATE = re.compile(
    r"(?P<limit>[0-9]{1,18})\s*(?:/|per)\s*(?:(?P<count>[0-9]{1,18})\s*)?(?P<unit>[a-z]+)"
    r"(?:\s*,?\s*burst\s+(?P<burst>[0-9]{1,18}))?"
)
_MOST: Final = 10**18
"""The largest number of bytes or seconds that is believed; above it, arithmetic would lose its meaning."""


def _unit(word: str) -> float | None:
    word = word.lower()
    return _SECONDS.get(word) or _SECONDS.get(word.removesuffix("s"))


def parse_duration(value: object) -> float:
    """Seconds from a number or from "90 s", "5 minutes", "2 years". Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return float(value)
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        factor = _unit(match[2])
        if factor is not None:
            return float(match[1]) * factor
    raise ValueError('not a duration; write a number of seconds or something like "5 minutes"')


def parse_size(value: object) -> int:
    """Bytes from a number or from "64 KB", "1 MB" (powers of 1024). Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return value
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        factor = _BYTES.get(match[2].lower())
        if factor is not None:
            return int(float(match[1]) * factor)
    raise ValueError('not a size; write a number of bytes or something like "1 MB"')


class Rate:
    """At most `limit` per `window` seconds, of which `burst` at once; written "300/minute" or "300/minute burst 50".

    Without a burst the whole limit may come at once: the first `limit` requests pass. A window then never sees more
    than `limit + burst` (GCRA), so "300/minute burst 50" holds 350 in any minute.
    """

    __slots__ = ("burst", "limit", "window")

    def __init__(self, limit: int, window: float, burst: int | None = None) -> None:
        if limit < 1 or window <= 0:
            raise ValueError("a rate needs a limit of at least 1 and a window above 0 seconds")
        self.limit = limit
        self.window = window
        self.burst = burst if burst is not None else limit
        if self.burst < 1:
            raise ValueError("the burst of a rate must be at least 1, or nothing would ever pass")

    @classmethod
    def parse(cls, value: object) -> Rate:
        """From "5/minute", "100 per 10 seconds", "300/hour burst 30". Raises ValueError."""
        if isinstance(value, Rate):
            return value
        if isinstance(value, str) and (match := _RATE.fullmatch(value.strip().lower())):
            unit = _unit(match["unit"])
            if unit is not None:
                burst = int(match["burst"]) if match["burst"] else None
                return cls(int(match["limit"]), unit * int(match["count"] or 1), burst)
        raise ValueError('not a rate; write "300/minute", "5/10 seconds" or "300/minute burst 50"')

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rate) and (self.limit, self.window, self.burst) == (
            other.limit,
            other.window,
            other.burst,
        )

    def __hash__(self) -> int:
        return hash((self.limit, self.window, self.burst))

    def __repr__(self) -> str:
        return f"Rate({str(self)!r})"

    def __str__(self) -> str:
        return f"{self.limit}/{self.window:g} seconds burst {self.burst}"


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
