"""`garrison scan sbom`: the bill of materials of a project, from its lock files."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .output import COULD_NOT_RUN, err, print_raw, safe


class Bill(StrEnum):
    """The formats of a bill of materials."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


def sbom(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the project.")] = Path(),
    locks: Annotated[
        list[str] | None, typer.Option("--lock", metavar="FILE", help="Only this lock file; can be given again.")
    ] = None,
    environment: Annotated[
        Path | None, typer.Option("--environment", help="The virtual environment that tells the licences.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The project's name; otherwise its folder's.")] = "",
    version: Annotated[str, typer.Option("--version", help="The project's version.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead.")] = None,
    shape: Annotated[Bill, typer.Option("--format", "-f", help="CycloneDX 1.6 or SPDX 2.3, as JSON.")] = Bill.CYCLONEDX,
) -> None:
    """Write what the project is made of, with hashes and, from its environment, licences.

    Exit code 3: a lock file could not be read, or names packages without a version; they are named.
    """
    from .. import __version__
    from ..scan.licences import with_licences
    from ..scan.lockfiles import read_lock
    from ..scan.project import read_project
    from ..scan.sbom import cyclonedx, materials, spdx
    from ..scan.tool_licences import environment_of
    from ..secrets.private_files import write_whole

    chosen = locks or read_project(path).locks
    found, wrong = [], [] if chosen else ["no lock file in the project"]
    for lock in chosen:
        try:
            found += with_licences(read_lock(path, lock), environment or environment_of(path))
        except (OSError, ValueError) as error:
            wrong.append(f"{lock} can't be read: {error}")
    wrong += [f"{one.name} has no version in {one.path}" for one, _ in found if not one.version]
    made = materials(name or path.resolve().name or "project", version, found)
    writer = cyclonedx if shape is Bill.CYCLONEDX else spdx
    text = writer(made, datetime.now(UTC), __version__)
    if output is not None:
        write_whole(output, text.encode(), mode=0o644)
    else:
        print_raw(text)
    silent = sum(not licence for _, licence in made.packages)
    said = f"{len(made.packages)} packages" + (f", {silent} of them without a known licence" if silent else "")
    err().print(safe(f"{said}."))
    for line in wrong[:20]:
        err().print(safe(line, "red"))
    raise typer.Exit(COULD_NOT_RUN if wrong else 0)
