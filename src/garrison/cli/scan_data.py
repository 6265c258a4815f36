"""`garrison scan tools` and `garrison scan db`: what the scanners need before they can say anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from .group import Group
from .options import Format
from .output import COULD_NOT_RUN, Shape, Usage, out, print_json, safe

tools = typer.Typer(cls=Group, help="The scanners of others, each in an environment of its own.", no_args_is_help=True)
database = typer.Typer(cls=Group, help="The database of known vulnerabilities.", no_args_is_help=True)


@tools.command("install")
def install(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which; when none is named, all that need no naming.")
    ] = None,
) -> None:
    """Install scanners: exact versions, every file by its hash, from the index that pip is configured for."""
    from ..scan import toolbox

    for one in [toolbox.tool(name) for name in names or toolbox.DEFAULT]:
        fresh = toolbox.install(one)
        out().print(safe(f"{one.name} {one.version}: {'installed' if fresh else 'was there'}"))


@tools.command("list")
def list_tools(shape: Format = Shape.TEXT) -> None:
    """Show the scanners, their pinned versions and whether they are installed."""
    from ..scan import toolbox

    rows = [
        {"name": one.name, "version": one.version, "installed": one.program is not None, "about": one.about}
        for one in toolbox.TOOLS.values()
    ]
    if shape is Shape.JSON:
        print_json(rows)
        return
    for row in rows:
        out().print(safe(f"{row['name']} {row['version']}  {'installed' if row['installed'] else '-'}  {row['about']}"))


@tools.command("doctor")
def doctor() -> None:
    """Run each scanner once: is it there, does it start, is it the pinned version? Exit code 3 where one is not."""
    from ..scan import toolbox

    wanted = [one for one in toolbox.TOOLS.values() if one.name in toolbox.DEFAULT or one.program is not None]
    states = {one.name: toolbox.state(one) for one in wanted}
    for name, wrong in states.items():
        out().print(safe(f"{name}: {wrong or 'fine'}"))
    raise typer.Exit(COULD_NOT_RUN if any(states.values()) else 0)


@database.command("import")
def import_database(
    sources: Annotated[
        list[Path], typer.Argument(metavar="ARCHIVE...", help="OSV archives (all.zip of PyPI, of npm), or folders.")
    ],
) -> None:
    """Make the database anew from archives of OSV records; the old one stays until the new one is whole."""
    from ..scan.advisories import database_file, import_records

    count = import_records(sources, database_file())
    out().print(safe(f"{database_file()}: {count} advisories."))


@database.command("update")
def update_database(
    sources: Annotated[
        list[str] | None, typer.Option("--from", metavar="URL", help="An archive of a mirror, instead of OSV's.")
    ] = None,
    ecosystems: Annotated[
        list[str] | None, typer.Option("--ecosystem", help="PyPI or npm: those of the database unless told otherwise.")
    ] = None,
) -> None:
    """Fetch the archives that OSV publishes, and make the database of them. What is older than it is not taken.

    Exit code 3: they can't be had; the database is what it was.
    """
    from ..scan.advisories import database_file
    from ..scan.advisories_update import ECOSYSTEMS, OSV, known_ecosystems, update

    if unknown := [one for one in ecosystems or () if one not in ECOSYSTEMS]:
        raise Usage(f"{unknown[0]!r} is no ecosystem.", remedy=f"Known are {', '.join(ECOSYSTEMS)}.")
    file = database_file()
    chosen = dict.fromkeys([*(ecosystems or ()), *known_ecosystems(file)])
    count = update(sources or [OSV.format(one) for one in chosen], file)
    out().print(safe(f"{file}: {count} advisories."))


@database.command("status")
def status() -> None:
    """Show how old the database is. Exit code 3 where there is none, or it is stale."""
    from ..scan.advisories import FRESH_DAYS, Advisories, database_file

    file = database_file()
    if not file.is_file():
        out().print(
            safe(f"{file}: not there. garrison scan db update fetches it, garrison scan db import ARCHIVE makes it.")
        )
        raise typer.Exit(COULD_NOT_RUN)
    known = Advisories(file)
    age = (datetime.now(UTC).date() - known.newest).days
    stale = age > FRESH_DAYS
    days = ", ".join(f"{one} {day}" for one, day in known.days.items())
    out().print(safe(f"{file}: {known.count} advisories, the newest of {days}{' (stale)' if stale else ''}."))
    known.close()
    raise typer.Exit(COULD_NOT_RUN if stale else 0)
