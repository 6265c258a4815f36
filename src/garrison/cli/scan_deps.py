"""`garrison scan deps`: which dependencies should change, and what is the least that has to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .options import Format
from .output import COULD_NOT_RUN, Shape, err, out, print_json, safe

if TYPE_CHECKING:
    from ..scan.advisories import Advisories
    from ..scan.lockfiles import Dependency
    from ..scan.outdated import Advice
    from ..scan.project import Project

MOST: Final = 2000


def deps(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the project.")] = Path(),
    locks: Annotated[
        list[str] | None, typer.Option("--lock", metavar="FILE", help="Only this lock file; can be given again.")
    ] = None,
    index: Annotated[str, typer.Option("--index", metavar="URL", help="Ask this one, not the one of pip.")] = "",
    registry: Annotated[str, typer.Option("--registry", metavar="URL", help="Ask this one, not that of npm.")] = "",
    cool_down: Annotated[int, typer.Option("--cool-down", min=0, help="Days that a release has to wait.")] = 7,
    environment: Annotated[
        Path | None, typer.Option("--environment", help="The virtual environment that tells the changelogs.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show what is up to date as well.")] = False,
    shape: Format = Shape.TEXT,
) -> None:
    """Compare the lock files with the index of pip, the registry of npm and the database of advisories.

    Exit code 1: one has a known hole or was taken back. 3: something could not be judged; it is named.
    """
    from ..scan.project import read_project
    from ..scan.tool_licences import environment_of

    project = read_project(path)
    found, wrong = _locked(path, locks or list(project.locks))
    database = _database(wrong)
    where = environment or environment_of(path)
    advice = _judged(found, (index, registry), database, cool_down, where, project, wrong)
    shown = [one for one in advice if every or one.urgent or one.upgrade or one.waiting or one.deprecated]
    if shape is Shape.JSON:
        print_json({"dependencies": [asdict(one) for one in shown], "not_judged": wrong, "asked": len(advice)})
    else:
        _table(shown)
    err().print(safe(f"{len(advice)} dependencies, {sum(one.urgent for one in advice)} of them have to change."))
    for line in wrong[:20]:
        err().print(safe(f"not judged: {line}", "red"))
    raise typer.Exit(COULD_NOT_RUN if wrong else int(any(one.urgent for one in advice)))


def _locked(root: Path, locks: list[str]) -> tuple[list[Dependency], list[str]]:
    from ..scan.lockfiles import read_lock, unreadable

    once: dict[str, Dependency] = {}
    wrong = [] if locks else ["no lock file in the project"]
    for lock in locks:
        try:
            once.update({one.purl: one for one in reversed(read_lock(root, lock))})
        except (OSError, ValueError) as error:
            wrong.append(unreadable(lock, error))
    wrong += [
        f"{one.name} (not pinned in {one.path})" for one in once.values() if not one.version and not one.elsewhere
    ]
    wrong += [
        f"{one.name} {one.version}".strip() + " (it comes from no registry)" for one in once.values() if one.elsewhere
    ]
    fit = [one for one in once.values() if one.version and not one.elsewhere]
    wrong += [f"{len(fit) - MOST} dependencies (more than {MOST})"] if len(fit) > MOST else []
    return fit[:MOST], wrong


def _database(wrong: list[str]) -> Advisories | None:
    from ..scan.advisories import FRESH_DAYS, Advisories, DatabaseBroken, database_file

    try:
        database = Advisories(database_file())
    except (FileNotFoundError, DatabaseBroken):
        wrong.append("known holes (no database: garrison scan db update)")
        return None
    if (datetime.now(UTC).date() - database.newest).days > FRESH_DAYS:
        wrong.append(f"known holes since {database.newest} (the database is stale)")
    return database


def _judged(
    found: list[Dependency], given: tuple[str, str], database: Advisories | None, cool_down: int,
    environment: Path | None, project: Project, wrong: list[str],
) -> list[Advice]:  # fmt: skip
    from ..scan.ask_releases import ask_all
    from ..scan.environment import changelogs, modules
    from ..scan.index import NoIndex
    from ..scan.outdated import advise
    from ..scan.tool_advisories import imported_names

    told = changelogs(environment) if environment else {}
    brings = modules(environment) if environment else {}
    imported = imported_names(project)
    today: date = datetime.now(UTC).date()
    unknown = {one.ecosystem for one in found} - set(database.days) if database else set()
    wrong += [f"known holes of {one} (the database has none of it)" for one in sorted(unknown)]
    advice, undated = [], set()
    refused: dict[str, list[str]] = {}
    answers = ask_all(found, project.root, *given)
    for one in found:
        answer = answers[one.ecosystem, one.name]
        if isinstance(answer, NoIndex):
            refused.setdefault(answer.message, []).append(one.name)
            continue
        releases, page = answer
        if any(release.uploaded is None for release in releases):
            undated.add((one.ecosystem, one.name))

        def known(version: str, name: str = one.name, ecosystem: str = one.ecosystem) -> list[str]:
            with suppress(ValueError):
                return [hole.id for hole in database.about(name, version, ecosystem)] if database else []
            return []

        python = one.ecosystem == "PyPI"
        used = python and bool(brings.get(one.name, {one.name.replace("-", "_")}) & imported)
        try:
            advice.append(advise(one, releases, known, today, cool_down=cool_down,
                                 changelog=told.get(one.name, "") if python else page, imported=used))  # fmt: skip
        except ValueError:
            wrong.append(f"{one.name} {one.version} (no version)")
    for why, names in refused.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        wrong.append(f"{', '.join(names[:3])}{more} ({why})")
    if undated:
        wrong.append(f"ages of {len(undated)} packages (the index tells no dates, so nothing can cool down)")
    return advice


def _table(shown: list[Advice]) -> None:
    from rich.table import Table

    from ..findings.inert import clip

    if not shown:
        return
    table = Table("Package", "Now", "Age", "Take", "Why and risk", "More", box=None, header_style="bold")
    for one in sorted(shown, key=lambda each: (not each.urgent, each.name)):
        problem = ", ".join(one.advisories) or (f"taken back: {one.yanked}" if one.yanked else "")
        problem = problem or (f"deprecated: {clip(one.deprecated, 80)}" if one.deprecated else "")
        why = "; ".join(part for part in (problem, one.why, *one.risk) if part)
        wait = f"{one.waiting} still cools down" if one.waiting and one.waiting != one.upgrade else ""
        more = "; ".join(part for part in (wait, "imported" if one.imported else "", one.changelog) if part)
        age = f"{one.age_days} d" if one.age_days is not None else "?"
        cells = (one.name, one.version, age, one.upgrade or "-", why, more)
        table.add_row(*(safe(cell, "red" if one.urgent else "") for cell in cells))
    out().print(table)
    lines = [
        f"{one.name}{'@' if one.ecosystem == 'npm' else '=='}{one.upgrade}"
        for one in shown
        if one.urgent and one.upgrade
    ]
    if lines:
        out().print(safe("\nThe least that has to change:"))
        for line in lines:
            out().print(safe(f"  {line}"))
