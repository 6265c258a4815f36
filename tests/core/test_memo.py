"""What is remembered, and that it is never more than it may be."""

from __future__ import annotations

from garrison.core.memo import remember


def test_at_the_bound_all_is_forgotten_and_the_newest_is_there() -> None:
    memo: dict[int, str] = {}
    assert [remember(memo, number, str(number), 3) for number in range(4)] == ["0", "1", "2", "3"]
    assert memo == {3: "3"}
