"""What is wrong with a policy, one entry for each thing to mend. Values are never shown: they may be secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..core.errors import OperatorError
from .model import SECTIONS, Policy, RouteClass
from .source import Source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy: `key` is dotted, `source` says where it stands, `fix` what to write instead."""

    key: str
    message: str
    source: Source | None = None
    fix: str = ""

    def __str__(self) -> str:
        where = f" ({self.source})" if self.source else ""
        fix = f" {self.fix}" if self.fix else ""
        return f"{self.key}{where}: {self.message}{fix}"


class PolicyInvalid(OperatorError):
    """The policy cannot be used. `problems` has one entry for each thing to mend."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The policy cannot be used:\n{lines}", reference="docs/policy.md")
        self.problems = tuple(problems)


LOOSENING: Final = "allow_insecure"

MESSAGES: Final = {
    "extra_forbidden": "unknown key.",
    "missing": "it is missing.",
    "model_type": "a section with keys of its own is due here.",
    "mapping_type": "a table is due here.",
    "dict_type": "a table is due here.",
    "tuple_type": "a list is due here.",
}


def invalid(error: ValidationError) -> PolicyInvalid:
    """All of pydantic's errors in our words."""
    return PolicyInvalid(list(problems_of(error)))


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Each of pydantic's errors. It knows the sections of a route class as a field; people write them directly."""
    for detail in error.errors():
        loc = tuple(part for place, part in enumerate(detail["loc"]) if (place, part) != (2, "sections"))
        yield problem({**detail, "loc": loc})


def problem(detail: ErrorDetails) -> Problem:
    """One of pydantic's errors in our words, still without its place."""
    loc = [str(part) for part in detail["loc"]]
    message = MESSAGES.get(detail["type"]) or reworded(detail["msg"])
    fix = ""
    if detail["type"] == "extra_forbidden":
        fix = _suggest(loc)
    elif detail["type"] == "tuple_type":
        table = isinstance(detail["input"], Mapping)
        fix = f"Write [[{'.'.join(loc)}]], with two brackets." if table else 'Put it into brackets, as in ["…"].'
    return Problem(".".join(loc), message, fix=fix)


def reworded(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should", "it should", 1).rstrip(".") + "."


def unknown_section(loc: Sequence[str]) -> Problem:
    """A route class has settings for something that route classes can't change."""
    return Problem(".".join(loc), "unknown key.", fix=_suggest(loc))


def _suggest(loc: Sequence[str]) -> str:
    name, in_class = loc[-1], loc[0] == "routes" and len(loc) == 3
    if in_class and name in Policy.model_fields:
        return f"{name!r} holds for the whole application; set it outside [[routes]]."
    owner = _model_at([part for part in loc[:-1] if not part.isdecimal()])
    known = list(owner.model_fields) if owner else []
    if owner is RouteClass:
        known = [key for key in known if key != "sections"] + list(SECTIONS)
    if home := _home(name):
        return f"Did you mean {home!r}?"
    # What loosens is never suggested by likeness: whoever writes `allow_origins` did not ask to turn anything off.
    safe = [key for key in known if not key.startswith(LOOSENING)]
    likely = known if name.startswith(LOOSENING) else safe
    plain = name.removeprefix("allow_")
    for near in (
        difflib.get_close_matches(name, likely, n=1, cutoff=0.8),
        [key for key in likely if plain.startswith(f"{key}_")],
        difflib.get_close_matches(plain, likely, n=1, cutoff=0.5),
    ):
        if near:
            return f"Did you mean {near[0]!r}?"
    return f"Known keys: {', '.join(sorted(known))}." if known else ""


def _home(name: str) -> str:
    """The one section that has a key of this name, for keys that stand in the wrong table."""
    homes = [section for section in SECTIONS if name in type(getattr(_DEFAULTS, section)).model_fields]
    return f"{homes[0]}.{name}" if len(homes) == 1 else ""


def _model_at(path: Sequence[str]) -> type[BaseModel] | None:
    """The model found by walking field names; None when the path leaves the models."""
    if list(path) == ["routes"]:
        return RouteClass
    model: type[BaseModel] = Policy
    for name in path[1:] if path and path[0] == "routes" else path:
        info = model.model_fields.get(name)
        inner = info.annotation if info else None
        if name == "hsts":
            inner = type(_DEFAULTS.headers.hsts)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return model


_DEFAULTS: Final = Policy()
