"""A memory of what was worked out before, bounded: what clients send must not fill it."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def remember(memo: dict[K, V], key: K, value: V, most: int) -> V:
    """Keep `value` under `key`, and return it. Where `memo` holds `most` entries already, all are forgotten first."""
    if len(memo) >= most:
        memo.clear()
    memo[key] = value
    return value
