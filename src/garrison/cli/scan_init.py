"""`garrison scan init`: configurations that run the scan on each change and each night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..scan.ci import Choices, Kind, configurations
from .output import COULD_NOT_RUN, err, print_raw, safe


def init(
    kinds: Annotated[
        list[Kind] | None,
        typer.Argument(metavar="KIND", help="github, gitlab, pre-commit, cron, systemd, dependabot or renovate."),
    ] = None,
    requirements: Annotated[
        str, typer.Option("--requirements", metavar="FILE", help="A lock file with hashes that has Garrison in it.")
    ] = "requirements/garrison.txt",
    baseline: Annotated[str, typer.Option("--baseline", metavar="FILE", help="Count only what is new.")] = "",
    image: Annotated[str, typer.Option("--image", help="For gitlab: a Python image with its @sha256 digest.")] = "",
    folder: Annotated[str, typer.Option("--folder", help="For cron and systemd: where the project is.")] = "/srv/app",
    program: Annotated[str, typer.Option("--program", help="For cron and systemd: Garrison's program.")] = "",
    user: Annotated[str, typer.Option("--user", help="For cron and systemd: as whom it runs.")] = "garrison-scan",
    cool_down: Annotated[int, typer.Option("--cool-down", min=0, help="Days that an update waits.")] = 7,
    into: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="The root of the project.")] = Path(),
    print_: Annotated[bool, typer.Option("--print", help="Print them instead of writing files.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write the configuration that scans each change (fast) and each night (everything).

    A file that is there is never replaced without --force: exit code 3, and nothing else is touched.
    """
    from ..scan.project import read_project

    locks = read_project(into).locks
    program = program or f"{folder}/.venv/bin/garrison"
    choices = Choices(requirements, baseline, image, folder, program, user, cool_down, locks)
    made: dict[str, str] = {}
    for kind in kinds or [Kind.GITHUB]:
        made |= configurations(kind, choices)
    if print_:
        for path, text in made.items():
            print_raw(f"# {path}\n{text}" if len(made) > 1 else text)
        return
    there = [path for path in made if (into / path).exists()]
    if there and not force:
        err().print(safe(f"There already: {', '.join(there)}. Nothing was written; --force replaces, --print shows."))
        raise typer.Exit(COULD_NOT_RUN)
    for path, text in made.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_text(text, encoding="utf-8")
        err().print(safe(f"Wrote {path}.", "bold green"))
    if not (into / requirements).is_file():
        err().print(safe(f"Next: make {requirements}, with garrison[scan] in it and a hash for every file."))
