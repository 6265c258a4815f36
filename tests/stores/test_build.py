"""From the policy to its stores."""

from __future__ import annotations

import pytest

from garrison.core.errors import DependencyError, OperatorError
from garrison.core.ports import Quota
from garrison.policy import Policy
from garrison.stores import MemoryCounters, MemoryRecords, StoreFull, StoreNotAvailable, build_counters, build_records
from tests.contracts.hands import Hands


def test_the_memory_store_is_built_with_the_policy_s_bounds() -> None:
    policy = Policy(hosts=("a.example",), processes=4, rate={"max_keys": 1000})
    counters = build_counters(policy, Hands().clock)
    assert isinstance(counters, MemoryCounters)
    assert isinstance(build_records(policy, Hands().clock), MemoryRecords)
    for number in range(3000):
        counters.take([(Quota("q", 4, 60.0, 4), str(number))])
    assert len(counters) <= 1000
    assert not counters.take([(Quota("p", 4, 60.0, 4), "k")], cost=2)[0].allowed


@pytest.mark.parametrize("build", [build_counters, build_records])
@pytest.mark.parametrize("store", ["redis://:hunter2@10.0.0.5/0", "rediss://h/0", "sqlite:///x.db", "Memory", ""])
def test_a_store_that_is_not_there_stops_the_start_and_shows_no_password(build: object, store: str) -> None:
    policy = Policy(hosts=("a.example",), store=store)
    with pytest.raises(StoreNotAvailable, match="not available in this version") as caught:
        build(policy, Hands().clock)  # type: ignore[operator]
    assert isinstance(caught.value, OperatorError)
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


def test_a_full_store_is_a_failing_dependency_and_not_the_operator_s_mistake() -> None:
    assert issubclass(StoreFull, DependencyError)
