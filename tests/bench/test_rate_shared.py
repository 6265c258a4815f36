"""The shared store is asked as rarely as was promised, counted by the server itself."""

from __future__ import annotations

from bench.harness import TINY
from bench.rate_shared import measure


def test_a_decision_takes_one_round_trip_and_none_when_it_is_known_to_be_refused() -> None:
    figures = {one.name.removeprefix("rate_shared."): one.value for one in measure(TINY)}
    assert figures["round_trips"] == 1
    assert figures["refused_trips"] == 0
    # The count is no constant: libraries that ask limit by limit, or do not remember a refusal, are counted as such.
    assert figures["limits_round_trips"] == 3
    assert figures["limits_refused_trips"] == 1
