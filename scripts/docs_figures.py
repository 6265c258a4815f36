"""The figures of the README and of docs/costs.md: what `make bench` measured, recorded in `docs/figures.json`.

`python -m scripts.docs_figures` takes them from `bench/results.json`, writes them down, and puts them into both pages
between `<!-- figures -->` and `<!-- end -->`: the README shows a few, docs/costs.md every one that has a goal. A test
fails when a page says anything else than what was recorded.
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
COSTS: Final = ROOT / "docs" / "costs.md"
REGION: Final = re.compile(r"(<!-- figures -->\n)(.*?)(<!-- end -->)", re.DOTALL)

SHOWN: Final = {
    "overhead.get.garrison": "added to a GET with a query",
    "overhead.post.garrison": "added to a POST of 1 KB JSON, with session and CSRF token",
    "overhead.post.with_body_guard": "the same, its JSON parsed and judged before the application reads it",
    "overhead.get.vs_glued": "GET, against what the five packages below add",
    "overhead.post.vs_glued": "POST, against what the five packages below add",
    "overhead.post.with_body_guard.vs_glued": "the same with its JSON judged, which none of the five does",
}
"""Benchmarks that stand in the README, and what they are called there."""

UNITS: Final = {"x": "×", "us": "µs"}


def record() -> list[dict[str, Any]]:
    """What was measured and is shown anywhere; what was not measured this time stays. Raises KeyError when one of the
    README's never was."""
    before = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else []
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in [*before, *measured]}
    return [by_name[name] for name in SHOWN] + [
        one for name, one in by_name.items() if one["must"] and name not in SHOWN
    ]


def table(entries: list[dict[str, Any]]) -> str:
    """The figures as they stand in the README."""
    shown = [entry for entry in entries if entry["name"] in SHOWN]
    rows = [f"| {SHOWN[entry['name']]} | {_value(entry)} | {_goal(entry)} |" for entry in shown]
    return "\n".join(["| | measured | goal |", "|---|---|---|", *rows, "", _machines(shown), ""])


def whole_table(entries: list[dict[str, Any]]) -> str:
    """Every figure that has a goal, as docs/costs.md shows them."""
    shown = [entry for entry in entries if entry["must"]]
    rows = [f"| `{entry['name']}` | {_value(entry)} | {_goal(entry)} | {entry['versus']} |" for entry in shown]
    return "\n".join(
        ["| | measured | goal | against what, and how |", "|---|---|---|---|", *rows, "", _machines(shown), ""]
    )


def _machines(entries: list[dict[str, Any]]) -> str:
    """Where they were measured; the machine that most are of comes last, as "the others"."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry["machine"], []).append(f"`{entry['name']}`")
    *few, most = sorted(names, key=lambda machine: len(names[machine]))
    told = [f"{', '.join(names[machine])} on {machine}" for machine in few]
    return f"Measured on {most}." if not few else f"Measured: {'; '.join(told)}; the others on {most}."


def _value(entry: dict[str, Any]) -> str:
    return f"{_number(entry['value'])} {UNITS.get(entry['unit'], entry['unit'])}"


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 and value != int(value) else f"{value:,.0f}"


def _goal(entry: dict[str, Any]) -> str:
    must = entry["must"]
    if not must:
        return ""
    sign, number = must.replace("<=", "≤").replace(">=", "≥").split()
    goal = f"{sign} {float(number):,g} {UNITS.get(entry['unit'], entry['unit'])}"
    return goal + ("" if entry["ok"] else ", **missed**")


def filled(page: str, figures: str) -> str:
    """`page` with the figures in their place."""
    return REGION.sub(lambda found: f"{found[1]}\n{figures}\n{found[3]}", page)


def pages(entries: list[dict[str, Any]]) -> dict[Path, str]:
    """Each page with figures, and what it has to say."""
    figures = {README: table(entries), COSTS: whole_table(entries)}
    return {page: filled(page.read_text(encoding="utf-8"), text) for page, text in figures.items()}


def main() -> int:
    """Record the last run and write the pages."""
    entries = record()
    RECORDED.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for page, text in pages(entries).items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
