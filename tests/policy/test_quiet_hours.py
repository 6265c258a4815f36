"""Quiet hours are those on the wall of a place: over midnight, on days, and on the nights when clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.policy.load import PolicyInvalid
from garrison.policy.model import Policy
from garrison.policy.quiet_hours import QuietHours, quiet_at

NIGHT = (QuietHours.parse("22:00-07:00"),)


def at(text: str) -> float:
    """Wall time of a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("hours", "zone", "moment", "quiet"),
    [
        ("22:00-07:00", "UTC", "2026-11-28T21:59", False),
        ("22:00-07:00", "UTC", "2026-11-28T22:00", True),
        ("22:00-07:00", "UTC", "2026-11-29T06:59", True),
        ("22:00-07:00", "UTC", "2026-11-29T07:00", False),
        ("22:00-07:00", "Europe/Berlin", "2026-11-28T21:30", True),
        ("22:00-07:00", "America/New_York", "2026-11-28T21:30", False),
        ("12:00-13:00", "Asia/Kathmandu", "2026-11-28T06:20", True),  # 5:45 ahead
        ("sat,sun 00:00-24:00", "UTC", "2026-11-28T12:00", True),  # a Saturday
        ("sat,sun 00:00-24:00", "UTC", "2026-11-30T00:00", False),
        ("fri 22:00-07:00", "UTC", "2026-11-28T06:59", True),  # of the Friday it began on
        ("fri 22:00-07:00", "UTC", "2026-11-28T22:30", False),
        ("sat-mon 00:00-06:00", "UTC", "2026-11-30T05:00", True),
        ("sat-mon 00:00-06:00", "UTC", "2026-12-01T05:00", False),
    ],
)
def test_hours_of_a_place(hours: str, zone: str, moment: str, quiet: bool) -> None:
    assert quiet_at((QuietHours.parse(hours),), zone, at(moment)) is quiet


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        # 29 March 2026: 02:00 becomes 03:00. 02:30 is not; what begins then begins an hour early on the world's clock.
        ("2026-03-29T00:59", False), ("2026-03-29T01:00", False), ("2026-03-29T01:29", False),
        ("2026-03-29T04:59", False),
        # 25 October 2026: 03:00 becomes 02:00. 02:30 comes twice, and both are quiet.
        ("2026-10-25T00:29", False), ("2026-10-25T00:30", True), ("2026-10-25T00:59", True),
        ("2026-10-25T01:00", False), ("2026-10-25T01:30", True), ("2026-10-25T01:59", True),
        ("2026-10-25T02:00", False),
    ],
)  # fmt: skip
def test_nights_on_which_clocks_are_changed(moment: str, quiet: bool) -> None:
    assert quiet_at((QuietHours.parse("02:30-03:00"),), "Europe/Berlin", at(moment)) is quiet


@pytest.mark.parametrize(("date", "end"), [("2026-03-29", "05:00"), ("2026-10-25", "06:00"), ("2026-07-01", "05:00")])
def test_a_night_ends_when_the_wall_says_seven_whatever_was_changed(date: str, end: str) -> None:
    hour = int(end[:2])
    assert quiet_at(NIGHT, "Europe/Berlin", at(f"{date}T{hour - 1:02}:59"))
    assert not quiet_at(NIGHT, "Europe/Berlin", at(f"{date}T{end}"))


@given(st.integers(0, 2_000_000_000))
def test_every_moment_is_quiet_by_exactly_one_of_a_span_and_the_rest_of_the_day(now: int) -> None:
    day = (QuietHours.parse("07:00-22:00"),)
    assert quiet_at(NIGHT, "Europe/Berlin", now) is not quiet_at(day, "Europe/Berlin", now)


@pytest.mark.parametrize("text", ["", "22-7", "22:00-22:00", "24:00-01:00", "22:60-23:00", "someday 22:00-23:00",
                                  "mon- 22:00-23:00", "22:00-25:00", "२२:००-०७:००"])  # fmt: skip
def test_what_is_no_quiet_hour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        QuietHours.parse(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "Europe"])
def test_a_place_that_nobody_knows_refuses_the_start(zone: str) -> None:
    receiver = {"to": "https://a.example", "quiet": ["22:00-07:00"], "zone": zone}
    with pytest.raises(PolicyInvalid, match="not a time zone"):
        Policy(alerts={"receivers": [receiver]})
