"""Errors from one catalogue: every sentence a client can be told stands in one place.

Threat: an error that repeats the input, names a table or a path, or tells more to those who ask twice (CWE-209). A
sentence is written once; only numbers can be put into it, so nothing that a client sent comes back.
Lets pass: what the sentences themselves say.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import HTTPException


class Catalogued(HTTPException):
    """An error of a catalogue. `code` is its name there, for logs and tests."""

    def __init__(self, code: str, status: int, sentence: str, headers: Mapping[str, str] | None) -> None:
        super().__init__(status, sentence, headers=dict(headers) if headers else None)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """One error: `code` in kebab case, `status` from 400 on, one `sentence` with `{names}` for numbers at most.

    Raises ValueError: the mistake is the developer's, and shows when the module is imported.
    """

    code: str
    status: int
    sentence: str

    def __post_init__(self) -> None:
        plain = self.code.replace("-", "").isalnum() and self.code.isascii() and self.code.islower()
        if not plain or not 400 <= self.status <= 599 or not self.sentence.endswith((".", "!", "?")):
            raise ValueError(f"{self.code!r}: a code in kebab case, a status from 400 to 599, and a whole sentence")
        for _, name, shape, turned in string.Formatter().parse(self.sentence):  # ValueError for a brace alone
            if name is not None and (not name.isidentifier() or shape or turned):
                raise ValueError(f"{self.code!r}: between braces stands the name of a number, and nothing else")

    def error(self, *, headers: Mapping[str, str] | None = None, **numbers: int) -> Catalogued:
        """The exception to raise. Raises TypeError for what is no number, KeyError for one that is missing."""
        if any(type(value) is not int for value in numbers.values()):
            raise TypeError("only numbers can be put into a sentence")
        return Catalogued(self.code, self.status, string.Formatter().vformat(self.sentence, (), numbers), headers)


class Catalogue:
    """Entries by code. Raises ValueError for a code that is there twice."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        listed = list(entries)
        self.entries = {entry.code: entry for entry in listed}
        if len(self.entries) < len(listed):
            raise ValueError("a code stands in the catalogue twice")

    def responses(self, *codes: str) -> dict[int | str, dict[str, Any]]:
        """OpenAPI `responses` of a route that may raise these. Raises KeyError for a code that is not here."""
        told: dict[int | str, dict[str, Any]] = {}
        for entry in (self.entries[code] for code in codes):
            before = told.get(entry.status, {}).get("description", "")
            told[entry.status] = {"description": f"{before} {entry.sentence}".strip()}
        return told


NOT_HERE: Final = Entry("not-here", 404, "There is no such thing here.")
"""For what does not exist and for what is somebody else's: the answer is the same."""
