"""Where a value of the policy came from, so that `check`, `explain` and error messages can say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias


class Kind(StrEnum):
    """Who set a value, strongest first."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    FILE = "file"
    PRESET = "preset"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Source:
    """`name`: the variable or the pinned preset. `path`, `line`: the place in a file; lines from 1, None if unknown."""

    kind: Kind
    name: str = ""
    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        """For people: `garrison.toml:12`, `environment GARRISON_HOSTS`, `preset api-2026-11`, `argument`, `default`."""
        if self.path is not None:
            return f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{self.kind} {self.name}".strip()


DEFAULT: Final = Source(Kind.DEFAULT)
Sources: TypeAlias = Mapping[str, Source]
Stage: TypeAlias = tuple[Mapping[str, Any], Callable[[str], Source]]
"""Values of one origin, and which source a dotted key of theirs has."""


def leaves(values: object, prefix: str = "") -> Iterable[str]:
    """The dotted keys of all values; tables in a list are counted from 0 (`routes.0.paths`)."""
    below: Iterable[tuple[str, object]] = ()
    if isinstance(values, Mapping):
        below = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, (list, tuple)) and any(isinstance(value, Mapping) for value in values):
        below = [(str(index), value) for index, value in enumerate(values)]
    if not below:
        return [prefix] if prefix else []
    return [leaf for key, value in below for leaf in leaves(value, f"{prefix}.{key}" if prefix else key)]


def trace(effective: Mapping[str, Any], stages: Sequence[Stage]) -> dict[str, Source]:
    """For each key of `effective`, the source in the first of `stages` that has it."""
    known = [(set(leaves(values)), source_of) for values, source_of in stages]
    found = {}
    for leaf in leaves(effective):
        for keys, source_of in known:
            if leaf in keys:
                found[leaf] = source_of(leaf)
                break
    return found


def source_of(sources: Sources, key: str) -> Source:
    """The source of `key`; what a route class does not set comes from the policy, and what nobody sets is a default."""
    found = find_source(sources, key)
    parts = key.split(".")
    if found is None and len(parts) > 2 and parts[0] == "routes" and parts[1].isdecimal():
        found = find_source(sources, ".".join(parts[2:]))
    return found or DEFAULT


def find_source(sources: Sources, key: str) -> Source | None:
    """The source of exactly `key`, else of what it is part of, else of its first part."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if found := sources.get(".".join(parts[:length])):
            return found
    return next((source for leaf, source in sources.items() if leaf.startswith(f"{key}.")), None)
