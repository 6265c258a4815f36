"""When a store is given up, and when it is asked again."""

from __future__ import annotations

from garrison.stores.breaker import Breaker
from tests.contracts.hands import Hands


def test_the_third_failure_in_a_row_opens_it_once() -> None:
    breaker = Breaker(Hands().clock.monotonic)
    assert [breaker.failed() for _ in range(4)] == [False, False, True, False]
    assert breaker.open


def test_one_failure_in_three_opens_it_and_one_in_twenty_never_does() -> None:
    for every, opens in ((3, True), (20, False)):
        breaker = Breaker(Hands().clock.monotonic)
        for number in range(1000):
            if number % every:
                breaker.succeeded()
            else:
                breaker.failed()
        assert breaker.open is opens


def test_attempts_come_at_growing_distances_up_to_five_seconds() -> None:
    hands = Hands()
    breaker = Breaker(hands.clock.monotonic)
    assert breaker.due
    assert breaker.attempt_failed()
    waits = []
    for _ in range(8):
        start = hands.now
        while not breaker.due:
            hands.now += 0.05
        waits.append(hands.now - start)
        assert not breaker.attempt_failed()
    assert waits == sorted(waits)
    assert 0.2 < waits[0] < 0.4
    assert 4.9 < waits[-1] < 5.1


def test_an_attempt_that_is_answered_closes_it_and_forgives_everything() -> None:
    breaker = Breaker(Hands().clock.monotonic)
    for _ in range(3):
        breaker.failed()
    assert breaker.attempt_succeeded()
    assert not breaker.open
    assert not breaker.attempt_succeeded()
    assert [breaker.failed() for _ in range(3)] == [False, False, True]
