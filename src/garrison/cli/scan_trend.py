"""`garrison scan trend`: how the findings of a project went from scan to scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format
from .output import Shape, out, print_json, safe

if TYPE_CHECKING:
    from ..findings.trend import Point


def trend(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the project.")] = Path(),
    kept_in: Annotated[
        Path | None, typer.Option("--trend", metavar="FILE", help="The file in which its scans are kept.")
    ] = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=500, help="So many of the last scans.")] = 20,
    shape: Format = Shape.TEXT,
) -> None:
    """Show the last scans: findings by severity, new and gone, and what did not fully run.

    Scans by other scanners, or of another target, stand apart. What is new and gone is told between scans in which the
    same scanners fully ran.
    """
    from ..scan.trend import points, trend_file

    file = kept_in or trend_file()
    found = points(file, path, most)
    if shape is Shape.JSON:
        print_json([_row(one) for one in found])
    elif not found:
        out().print(safe(f"{file}: no scan of {path.resolve()} was kept yet."))
    else:
        for scope in dict.fromkeys(one.scope for one in found):
            out().print(safe(f"Scans by {scope}:", "bold"))
            for one in found:
                if one.scope == scope:
                    out().print(safe(f"  {_line(one)}", "yellow" if one.gaps else ""))


def _row(one: Point) -> dict[str, object]:
    return {
        "at": one.at.isoformat(), "counts": {severity.value: number for severity, number in one.counts.items()},
        "total": one.total, "new": one.new, "gone": one.gone, "suppressed": one.suppressed, "gaps": list(one.gaps),
        "scanners": list(one.scope.scanners), "asked": list(one.scope.asked),
    }  # fmt: skip


def _line(one: Point) -> str:
    counts = ", ".join(f"{number} {severity}" for severity, number in one.counts.items() if number) or "nothing"
    change = "" if one.new is None else f"  +{one.new} -{one.gone}"
    held = f"  {one.suppressed} suppressed" if one.suppressed else ""
    gaps = f"  not fully run: {', '.join(one.gaps)}" if one.gaps else ""
    return f"{one.at:%Y-%m-%d %H:%M}  {counts}{change}{held}{gaps}"
