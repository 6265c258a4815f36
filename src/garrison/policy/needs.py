"""Which secrets a pattern of `[secrets.needs]` covers."""

from __future__ import annotations

from collections.abc import Iterable


def covers(pattern: str, name: str) -> bool:
    """Whether `pattern` (a name, `prefix.*` or `*`) covers the secret `name`.

    `mail.*` covers neither `mail` nor `mailer.key`.
    """
    return pattern in {"*", name} or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def covered(patterns: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """The names that any of `patterns` covers."""
    kept = tuple(patterns)
    return frozenset(name for name in names if any(covers(pattern, name) for pattern in kept))
