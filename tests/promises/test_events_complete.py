"""Every name of the vocabulary is written by Garrison somewhere, or is one for applications: never both or neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.core.verdict import Reason
from garrison.events.vocabulary import APPLICATION, TERMS, EventName, for_reason

SOURCE = Path(__file__).resolve().parents[2] / "src" / "garrison"
TABLES = {
    SOURCE / "events" / "exports" / "ocsf.py",
    SOURCE / "events" / "vocabulary.py",
    SOURCE / "cli" / "why.py",
    SOURCE / "core" / "verdict.py",
}
"""Where names and reasons are listed, not used."""


def nodes() -> Iterator[ast.AST]:
    for path in SOURCE.rglob("*.py"):
        if path not in TABLES and "attack" not in path.relative_to(SOURCE).parts:
            yield from ast.walk(ast.parse(path.read_text("utf-8")))


NODES = list(nodes())
TEXTS = {node.value for node in NODES if isinstance(node, ast.Constant) and isinstance(node.value, str)}
"""Rooms that may not import events write names as text."""


def used(owner: str) -> Iterator[str]:
    """Members of the enum `owner` that the source names outside tables."""
    for node in NODES:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner:
            yield node.attr


REASONS = {for_reason(Reason[name]) for name in used("Reason")}
WRITTEN = {EventName[name] for name in used("EventName")} | REASONS | {one for one in EventName if one in TEXTS}
GIVEN = set(used("Reason"))


@pytest.mark.parametrize("name", TERMS)
def test_a_name_is_written_by_garrison_or_is_the_applications_own(name: str) -> None:
    assert (EventName(name) in WRITTEN) is not (EventName(name) in APPLICATION), (
        f"{name}: write it, or list it in vocabulary.APPLICATION; take it out there once Garrison writes it"
    )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given_by_something(reason: Reason) -> None:
    assert reason.name in GIVEN
