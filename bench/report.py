"""Show results as a table and keep them in `bench/results.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .harness import Result

RESULTS = Path(__file__).with_name("results.json")


def show(results: Sequence[Result], console: Console) -> None:
    """One table, for people."""
    table = Table(title=f"Garrison benchmarks\n{results[0].machine}" if results else "nothing was measured")
    table.add_column("what", no_wrap=True)
    for column in ("value", "unit", "must", ""):
        table.add_column(column, justify="right" if column == "value" else "left", no_wrap=True)
    table.add_column("middle half", no_wrap=True)
    table.add_column("versus, and how")
    for one in results:
        verdict = Text("") if one.must is None else Text("ok", "green") if one.ok else Text("MISSED", "bold red")
        table.add_row(one.name, f"{one.value:g}", one.unit, one.must or "", verdict, one.spread, one.versus)
    console.print(table)


def save(results: Sequence[Result], path: Path = RESULTS) -> None:
    """Write `results`; those of benchmarks that did not run this time stay as they were."""
    fresh = {one.name: one.as_json() for one in results}
    kept = [old for old in _load(path) if old.get("name") not in fresh]
    text = json.dumps([*kept, *fresh.values()], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _load(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    loaded: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
