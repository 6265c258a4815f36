"""Quiet hours, parsed once: "22:00-07:00", "sat,sun 00:00-24:00", "mon-fri 18:00-08:00".

They are hours on the wall of a place. Whether it is quiet is asked of the time there and then, so that the two nights a
year that are an hour shorter or longer, and clocks that are set, need no thought: nothing is planned ahead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import core_schema

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(
    r"(?:(?P<days>[a-z,-]+)\s+)?(?P<h1>[0-9]{2}):(?P<m1>[0-9]{2})-(?P<h2>[0-9]{2}):(?P<m2>[0-9]{2})"
)
_DAY: Final = 24 * 60


class QuietHours:
    """From `begin` to `end`, minutes since midnight, on `days` (0: Monday). A span over midnight, as 22:00-07:00, is of
    the day on which it begins."""

    __slots__ = ("_text", "begin", "days", "end")

    def __init__(self, days: frozenset[int], begin: int, end: int, text: str) -> None:
        self.days, self.begin, self.end, self._text = days, begin, end, text

    @classmethod
    def parse(cls, value: object) -> QuietHours:
        """Raises ValueError."""
        if isinstance(value, QuietHours):
            return value
        found = _SPAN.fullmatch(value.strip().lower()) if isinstance(value, str) else None
        if found is not None:
            hours = [int(found[name]) for name in ("h1", "m1", "h2", "m2")]
            begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
            if max(hours[1], hours[3]) < 60 and begin < _DAY and end <= _DAY and begin != end:
                return cls(_days(found["days"]), begin, end, found[0])
        raise ValueError('no quiet hours; write "22:00-07:00" or "sat,sun 00:00-24:00"')

    def hold(self, there: datetime) -> bool:
        """Whether it is quiet at `there`, which is the time on the wall."""
        minute, today = there.hour * 60 + there.minute, there.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        return (today in self.days and minute >= self.begin) or ((today - 1) % 7 in self.days and minute < self.end)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuietHours) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"QuietHours({self._text!r})"

    def __str__(self) -> str:
        return self._text


def quiet_at(hours: Sequence[QuietHours], zone: str, now: float) -> bool:
    """Whether any of `hours` holds in `zone` at `now` (wall time in seconds)."""
    there = datetime.fromtimestamp(now, zone_of(zone))
    return any(one.hold(there) for one in hours)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone. Raises ValueError when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a directory's name an OSError
        raise ValueError('not a time zone known here (is tzdata installed?); write "Europe/Berlin"') from None


def _check_zone(name: str) -> str:
    zone_of(name)
    return name


Zone = Annotated[str, AfterValidator(_check_zone)]


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, mark, last = part.partition("-")
        if first not in _DAYS or (mark and last not in _DAYS):
            raise ValueError("no days; write mon,tue or mon-fri")
        begin, end = _DAYS.index(first), _DAYS.index(last if mark else first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)
