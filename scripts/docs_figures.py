"""The figures of the README: what `make bench` measured, recorded in `docs/figures.json`.

`python -m scripts.docs_figures` takes them from `bench/results.json`, writes them down, and puts them into the README
between `<!-- figures -->` and `<!-- end -->`. A test fails when the README says anything else than what was recorded.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "bench" / "results.json"
RECORDED: Final = ROOT / "docs" / "figures.json"
README: Final = ROOT / "README.md"
REGION: Final = re.compile(r"(<!-- figures -->\n)(.*?)(<!-- end -->)", re.DOTALL)

SHOWN: Final = {
    "overhead.get.garrison": "added to a GET with a query",
    "overhead.post.garrison": "added to a POST of 1 KB JSON, with session and CSRF token",
    "overhead.get.vs_glued": "GET, against what the five packages below add",
    "overhead.post.vs_glued": "POST, against what the five packages below add",
}
"""Benchmarks that stand in the README, and what they are called there."""


def record() -> list[dict[str, Any]]:
    """The shown benchmarks of the last run. Raises KeyError when one of them was not run."""
    by_name = {entry["name"]: entry for entry in json.loads(RESULTS.read_text(encoding="utf-8"))}
    return [by_name[name] for name in SHOWN]


def table(entries: list[dict[str, Any]]) -> str:
    """The figures as they stand in the README."""
    rows = [f"| {SHOWN[entry['name']]} | {_value(entry)} | {_goal(entry)} |" for entry in entries]
    machine = entries[0]["machine"]
    return "\n".join(["| | measured | goal |", "|---|---|---|", *rows, "", f"Measured on {machine}.", ""])


def _value(entry: dict[str, Any]) -> str:
    value, unit = entry["value"], entry["unit"]
    return f"{value:.2f} ×" if unit == "x" else f"{value:.0f} µs"


def _goal(entry: dict[str, Any]) -> str:
    must = entry["must"]
    if not must:
        return ""
    return f"{must.replace('<=', '≤')} ×" + ("" if entry["ok"] else ", **missed**")


def filled(readme: str, entries: list[dict[str, Any]]) -> str:
    """`readme` with the figures in their place."""
    return REGION.sub(lambda found: f"{found[1]}\n{table(entries)}\n{found[3]}", readme)


def main() -> int:
    """Record the last run and write the README."""
    entries = record()
    RECORDED.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(filled(README.read_text(encoding="utf-8"), entries), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
