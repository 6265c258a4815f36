"""What validation costs against plain pydantic (a normalised text type, a typical model of ten fields), and what the
JSON guard and parsing cost against `json.loads` alone (one object, and a list of two hundred).

The plain side says the same with pydantic's own words (lengths and patterns) and normalises nothing.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from garrison.inputs import Code, Day, Input, Name, Prose, Slug, Title
from garrison.inputs.json import loads

from .harness import Batch, Result, Size, interleave, middle_half, result

_GIVEN = {
    "id": "6a2f41a3-c54c-4f7b-8e4f-2f5f0d5a8c11", "title": "Minutes of the meeting", "owner": "Łukasz O'Brien",
    "slug": "minutes-of-the-meeting", "code": "A-17", "text": "One line.\nAnother – with a dash.", "count": 3,
    "price": "12.50", "due": "2026-11-28", "tags": ["work", "minutes", "café"],
}  # fmt: skip
_PlainText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    slug: Annotated[str, StringConstraints(max_length=80, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
    code: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    text: Annotated[str, StringConstraints(max_length=20_000)]
    count: Annotated[int, Field(ge=0, le=1000)]
    price: Annotated[Decimal, Field(max_digits=18)]
    due: date
    tags: Annotated[list[str], Field(max_length=20)]


class _Strict(Input):
    id: UUID
    title: Title
    owner: Name
    slug: Slug
    code: Code
    text: Prose
    count: Annotated[int, Field(ge=0, le=1000)]
    price: Annotated[Decimal, Field(max_digits=18)]
    due: Day
    tags: Annotated[list[str], Field(max_length=20)]


def _batch(validate: object, given: object) -> Batch:
    def run(count: int) -> None:
        for _ in range(count):
            validate(given)  # type: ignore[operator]  # one of pydantic's validate methods

    return run


def measure(size: Size) -> list[Result]:
    results = []
    plain, ours = TypeAdapter(_PlainText).validate_python, TypeAdapter(Title).validate_python
    for name, text in (("ascii", "Minutes of the meeting"), ("unicode", "Protokół – 会議の議事録")):
        results.append(_ratio(f"inputs.text.{name}", _batch(plain, text), _batch(ours, text), "<= 4", size))
    model = _batch(_Plain.model_validate, _GIVEN), _batch(_Strict.model_validate, _GIVEN)
    results.append(_ratio("inputs.model", *model, "<= 1.5", size))
    for name, value in (("object", _GIVEN), ("list", [_GIVEN] * 200)):
        data = json.dumps(value, ensure_ascii=False).encode()
        results.append(_ratio(f"inputs.json.{name}", _batch(json.loads, data), _batch(loads, data), "<= 1.5", size))
    return results


def _ratio(name: str, plain: Batch, ours: Batch, must: str, size: Size) -> Result:
    samples = interleave({"plain": plain, "ours": ours}, size)
    ratios = samples.each(lambda strict, loose: strict / loose, "ours", "plain")
    versus = f"plain, {samples.microseconds('plain'):.3g} us"
    return result(name, median(ratios), "x", must=must, versus=versus, spread=middle_half(ratios))
