"""What is wrong with a configuration: everything at once, each with key, place and remedy, and never a value."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from pydantic import ValidationError

from ..core.errors import OperatorError
from ..policy.problems import MESSAGES, Problem, reworded

_SHORTEST: Final = 4
"""Below this a text is no secret that could be told from an ordinary word."""


class ConfigInvalid(OperatorError):
    """The configuration cannot be used. `problems` has one entry for each thing to mend."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The configuration cannot be used:\n{lines}", reference="docs/secrets/config.md")
        self.problems = tuple(problems)


def problems_of(
    error: ValidationError, known: Collection[str], required: Collection[str], secrets: Iterable[str]
) -> Iterator[Problem]:
    """Each of pydantic's errors. A message of the application's own validators may quote a secret: it is cut out."""
    values = sorted((value for value in secrets if len(value) >= _SHORTEST), key=len, reverse=True)
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        key = _key([str(part) for part in detail["loc"]], known)
        message = MESSAGES.get(detail["type"]) or reworded(detail["msg"])
        for value in values:
            message = message.replace(value, "***")
        if detail["type"] == "missing" and key not in known:  # a section: what is missing is what it must hold
            yield from (Problem(one, message) for one in required if one.startswith(f"{key}."))
            continue
        yield Problem(key or "configuration", message, fix=suggest(key, known) if key and key not in known else "")


def suggest(key: str, known: Collection[str]) -> str:
    """What a misspelt key may have been meant as."""
    if any(one.startswith(f"{key}.") for one in known):
        return ""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    last = key.rpartition(".")[2]
    near = near or [one for one in known if one.rpartition(".")[2] == last][:1]
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(known))}."


def _key(loc: Sequence[str], known: Collection[str]) -> str:
    """The key of a place in the values: pydantic goes on into lists and unions, whose parts are no keys."""
    for length in range(len(loc), 0, -1):
        if (name := ".".join(loc[:length])) in known:
            return name
    return ".".join(loc)
