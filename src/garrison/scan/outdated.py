"""What to do about a dependency: how old it is, what is known about it, and the least that has to change.

Threat: two of them pull apart. A release nobody has looked at yet may be malicious, so a new one waits for the
cool-down; one with a known hole must go now. So a hole or a withdrawn release is mended by the lowest safe version, old
enough where there is one; everything else waits. Assumption: the dates of the index. Lets pass: holes without an
advisory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from .index import Release
from .lockfiles import Dependency
from .versions import line_of, parse

COOL_DOWN: Final = 7
"""Days. Most malicious releases were taken back within hours, nearly all within a week."""

Known = Callable[[str], Sequence[str]]
"""The ids of advisories about a version of the package."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known about one dependency. Days are None where the index tells no dates, texts empty without a word.
    `upgrade`: what to take, and `why`. `waiting`: newer, but still cooling down. `risk`: what the upgrade
    may break or do."""

    name: str
    version: str
    path: str
    line: int
    latest: str = ""
    age_days: int | None = None
    behind: int = 0
    advisories: tuple[str, ...] = ()
    yanked: str = ""
    upgrade: str = ""
    why: str = ""
    waiting: str = ""
    risk: tuple[str, ...] = ()
    changelog: str = ""
    imported: bool = False
    ecosystem: str = "PyPI"
    deprecated: str = ""

    @property
    def urgent(self) -> bool:
        """Whether it may not stay as it is."""
        return bool(self.advisories or self.yanked)


def advise(
    one: Dependency, releases: Sequence[Release], known: Known, today: date, *, cool_down: int = COOL_DOWN,
    changelog: str = "", imported: bool = False,
) -> Advice:  # fmt: skip
    """Judge one dependency by its releases, oldest first. Raises ValueError where its version is none."""
    now = parse(one.version, one.ecosystem)
    ordered = [(parse(release.version, one.ecosystem), release) for release in releases]
    current = next((release for version, release in ordered if version == now), None)
    newer = [release for version, release in ordered if _fits(release) and version > now
             and (now.is_prerelease or not version.is_prerelease)]  # fmt: skip
    newer = [release for release in newer if not release.deprecated] or newer
    problems = tuple(known(one.version))
    yanked = current.yanked if current else ""
    made = Advice(
        one.name, one.version, one.path, one.line, newer[-1].version if newer else one.version, _age(current, today),
        len(newer), problems, yanked, changelog=changelog, imported=imported, ecosystem=one.ecosystem,
        deprecated=current.deprecated if current else "",
    )  # fmt: skip
    cooled = [release for release in newer if (age := _age(release, today)) is None or age >= cool_down]
    waiting = newer[-1].version if newer and newer[-1] not in cooled else ""
    if problems or yanked:
        safe = [release for release in newer if not known(release.version)]
        chosen = next((release for release in safe if release in cooled), None) or (safe[0] if safe else None)
        why = "lowest version without a known hole" if problems else "lowest version that was not taken back"
    else:
        near = [release for release in cooled if line_of(parse(release.version, one.ecosystem)) == line_of(now)]
        chosen = next((release for release in reversed(near or cooled) if not known(release.version)), None)
        why = "newest of the same major version" if near else "newest"
    if chosen is None:
        return _with(made, waiting, "", "nothing safe to take" if problems or yanked else "", ())
    return _with(
        made,
        waiting,
        chosen.version,
        why,
        _risk(line_of(parse(chosen.version, one.ecosystem)) != line_of(now), chosen, chosen in cooled),
    )


def _with(made: Advice, waiting: str, upgrade: str, why: str, risk: tuple[str, ...]) -> Advice:
    from dataclasses import replace

    return replace(made, waiting=waiting, upgrade=upgrade, why=why, risk=risk)


def _risk(major: bool, chosen: Release, cooled: bool) -> tuple[str, ...]:
    risks = []
    if major:
        risks.append("major version")
    if not chosen.wheel:
        risks.append("no wheel: its build runs code")
    if chosen.scripts:
        risks.append("runs a script when it is installed")
    if chosen.deprecated:
        risks.append("deprecated")
    if not cooled:
        risks.append("younger than the cool-down")
    if chosen.uploaded is None:
        risks.append("age unknown")
    return tuple(risks)


def _fits(release: Release) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if release.yanked:
        return False
    try:
        return not release.python or SpecifierSet(release.python).contains(".".join(map(str, sys.version_info[:3])))
    except InvalidSpecifier:
        return True  # pip takes it as well


def _age(release: Release | None, today: date) -> int | None:
    return (today - release.uploaded.date()).days if release and release.uploaded else None
