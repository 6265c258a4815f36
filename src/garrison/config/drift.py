"""What differs between two environments of one schema. Secrets are compared and never shown.

Threat: staging has production's database password, so that a leak there is a leak here; a switch that was set in one
place only. Lets pass: references to other places than variables are not followed. The same one on both sides is no
finding: each machine has its own files, and each environment may have a server of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_jsonable_python

from ..policy.reference import is_reference, parse_reference
from ..policy.source import Source
from ..secrets.secret import Secret
from .keys import Key, at
from .load import Gathered, gather
from .model import Config

MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Difference:
    """One key: what each side has, as people may see it, and where from. `wrong`: why it is more than a difference."""

    key: str
    left: str
    right: str
    left_source: Source
    right_source: Source
    wrong: str = ""


def drift(
    schema: type[Config], left: tuple[str, Mapping[str, str]], right: tuple[str, Mapping[str, str]]
) -> list[Difference]:
    """The keys that differ between two environments, each given by its name and its variables."""
    one, other = (gather(schema, (), environ, name) for name, environ in (left, right))
    return list(_differences(schema, one, other, (left[1], right[1])))


def _differences(
    schema: type[Config], one: Gathered, other: Gathered, environs: Sequence[Mapping[str, str]]
) -> Iterator[Difference]:
    for key in schema.every_key():
        if key.name == "environment":
            continue
        values = [at(side.values, key.path) for side in (one, other)]
        same = _plain(values[0]) == _plain(values[1])
        missing = key.required and None in values
        known = [_known(key, *side) for side in zip(values, (one, other), environs, strict=True)]
        shared = key.secret is not None and known[0] is not None and known[0] == known[1]
        if same and not missing and not shared:
            continue
        wrong = "a required key is missing" if missing else "both have the same secret" if shared else ""
        left, right = (_shown(key, value, side) for value, side in zip(values, (one, other), strict=True))
        yield Difference(key.name, left, right, one.source(key.name), other.source(key.name), wrong)


def _known(key: Key, value: Any, side: Gathered, environ: Mapping[str, str]) -> str | None:
    """The secret itself, where it can be told without asking a source."""
    text = _plain(value)
    if text is None or key.name in side.literal or not is_reference(text):
        return text
    reference = parse_reference(text)
    return environ.get(reference.name) if reference.scheme == "env" else None


def _plain(value: Any) -> str | None:
    """As text, so that `7` of a variable and 7 of a file are the same."""
    if value is None:
        return None
    value = value.reveal() if isinstance(value, Secret) else value
    return str(value) if not isinstance(value, bool) else str(value).lower()


def _shown(key: Key, value: Any, side: Gathered) -> str:
    if value is None:
        return "missing" if key.required else f"default {_text(key)}".rstrip()
    if key.secret is None:
        return str(to_jsonable_python(value, fallback=str))
    return str(value) if isinstance(value, str) and key.name not in side.literal and is_reference(value) else MASK


def _text(key: Key) -> str:
    if key.default is None or key.secret is not None:
        return ""
    return str(to_jsonable_python(key.default, fallback=str))
