"""What the request path keeps is small, whatever a client sends."""

from __future__ import annotations

from garrison.core.ports import Detail
from garrison.core.verdict import Reason
from garrison.events.raw import bound, locate
from tests.events.making import facts


def test_nothing_a_client_made_long_is_kept_whole() -> None:
    made = facts(
        "/" + "a" * 100_000,
        method="M" * 5000,
        headers={b"user-agent": b"x" * 50_000, b"traceparent": b"y" * 50_000, b"cookie": b"z" * 50_000},
    )
    kept = locate(made)
    assert sum(len(one) for one in kept if isinstance(one, (str, bytes))) < 2000
    assert not any(isinstance(one, dict) for one in kept)


def test_a_repeated_traceparent_counts_as_none() -> None:
    twice = {b"traceparent": (b"a", b"b")}
    assert locate(facts(headers={b"traceparent": b"b"}, duplicates=twice))[8] == b""
    assert locate(facts(headers={b"traceparent": b"b"}))[8] == b"b"


def test_details_lose_length_and_life() -> None:
    class Heavy:
        def __repr__(self) -> str:
            raise AssertionError("nobody may ask")

    given = {"a": "x" * 9000, "trace": "head" + "x" * 9000 + "tail", "b": Heavy(), "reason": Reason.BANNED, "n": 1}
    kept = bound(given)  # type: ignore[arg-type]  # what a careless caller does
    assert kept["a"] == "x" * 4096
    assert str(kept["trace"]).endswith("tail")
    assert kept["b"] == "<Heavy>"
    assert kept["reason"] == Reason.BANNED
    assert kept["n"] == 1


def test_plain_details_are_not_even_copied() -> None:
    given: dict[str, Detail] = {"reason": Reason.BANNED, "layer": "ban", "status": 403, "x": None}
    assert bound(given) is given
