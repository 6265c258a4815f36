"""One finding for what several tools say about one statement, with all their voices.

Two findings are the same when they are in one statement and mean the same mistake (`taxonomy.family`). The first in
`_ORDER` speaks; the others are its voices. Everything a tool said keeps its own fingerprint among `aliases`, so that a
baseline or suppression holds when the tool that spoke first is missing one day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ..findings.fingerprint import fingerprint
from ..findings.record import Finding
from ..findings.report import Report
from .anchors import Anchors, anchors_in
from .project import Project
from .source_files import read
from .taxonomy import classified, family

_WORSENS: Final = frozenset({"semgrep"})
"""Whose word counts where it is worse than that of who speaks: rules of ours that see ways which `code` does not."""
_ORDER: Final = ("code", "routes", "check", "advisories", "bandit", "ruff", "detect-secrets")


@dataclass(frozen=True, slots=True)
class Merged:
    """A finding, and the fingerprints of everything that was merged into it; `moved`: the same without their paths."""

    finding: Finding
    aliases: frozenset[str]
    moved: frozenset[str]
    names: frozenset[str]
    """The rule ids of all voices: what a suppression may name."""


def merge(findings: Iterable[Finding], project: Project) -> list[Merged]:
    """The findings of all tools, each mistake once."""
    sources = _Sources(project)
    settled = [sources.settle(one) for one in findings]
    numbered = Report(command="scan", version="0", findings=tuple(settled)).findings
    groups: dict[object, list[Finding]] = {}
    for one in numbered:
        groups.setdefault(_key(one, sources), []).append(one)
    return [_merged(sorted(group, key=_rank)) for group in groups.values()]


class _Sources:
    """The anchors of the project's Python files, read when they are asked for."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._python = frozenset(project.python)
        self._known: dict[str, Anchors] = {}

    def anchors(self, path: str) -> Anchors | None:
        if path not in self._python:
            return None
        if path not in self._known:
            try:
                self._known[path] = anchors_in(read(self._root / path))
            except (OSError, SyntaxError, ValueError):
                self._known[path] = Anchors(())
        return self._known[path]

    def settle(self, one: Finding) -> Finding:
        """The finding with what its fingerprint holds on to: the statement, whichever tool found it."""
        where = one.location
        if where is None or where.line is None or one.snippet:
            return one
        anchors = self.anchors(where.path)
        return one if anchors is None else replace(one, snippet=anchors.at(where.line))


def _key(one: Finding, sources: _Sources) -> object:
    where = one.location
    if where is None or where.line is None or not one.cwe or one.id.startswith("advisory/"):
        return one.fingerprint
    anchors = sources.anchors(where.path)
    line = anchors.starts(where.line) if anchors else where.line
    return (where.path, line, family(one.cwe[0]))


def _rank(one: Finding) -> tuple[int, int]:
    place = _ORDER.index(one.source) if one.source in _ORDER else len(_ORDER)
    return place, -one.severity.rank


def _merged(group: list[Finding]) -> Merged:
    first, *others = group
    voices = tuple(dict.fromkeys(f"{one.source}:{one.id}" for one in others))
    cwe = tuple(dict.fromkeys(number for one in group for number in one.cwe))
    context = tuple(dict.fromkeys(word for one in group for word in one.context))
    worst = max([first.severity, *(one.severity for one in others if one.source in _WORSENS)])
    said = classified(replace(first, severity=worst, voices=voices, cwe=cwe, context=context))
    moved = frozenset(fingerprint(one.id, "", one.anchor, one.occurrence) for one in group)
    return Merged(said, frozenset(one.fingerprint for one in group), moved, frozenset(one.id for one in group))
