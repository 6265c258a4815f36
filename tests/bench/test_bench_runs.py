"""Every benchmark runs at a tiny size: what is measured still exists, and every contender still refuses what it must.

Times are never tested: a test that fails when the machine is busy teaches nobody anything.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import NAMES, run
from bench.harness import TINY, Result, Size, interleave, middle_half, result
from bench.report import save, show

FIELDS = {"name", "value", "unit", "must", "ok", "versus", "machine"}


@pytest.mark.parametrize("name", NAMES)
def test_the_benchmark_runs_and_its_results_are_whole(name: str) -> None:
    results = run([name], TINY, Console(quiet=True))
    assert results
    for one in results:
        assert one.name.startswith(name)
        assert one.as_json().keys() >= FIELDS
        assert one.unit
        assert one.versus or name == "layers"


def test_every_benchmark_is_a_file_and_every_file_a_benchmark() -> None:
    parts = {
        "__init__",
        "__main__",
        "asgi",
        "contenders",
        "detectors",
        "harness",
        "rate_peers",
        "rate_shared_peers",
        "report",
    }
    files = {file.stem for file in Path(__file__).parents[2].joinpath("bench").glob("*.py")}
    assert files - parts == set(NAMES)


def test_a_figure_that_misses_what_it_must_reach_is_not_ok() -> None:
    assert result("a", 0.2, "x", must="<= 0.2").ok
    assert not result("a", 0.21, "x", must="<= 0.2").ok
    assert result("a", 5000, "1/s", must=">= 5000").ok
    assert not result("a", 4999, "1/s", must=">= 5000").ok


def test_contenders_take_turns_and_are_asked_equally_often() -> None:
    order: list[str] = []
    size = Size(rounds=4, slice_seconds=0.0)
    samples = interleave({name: lambda _, name=name: order.append(name) for name in "ab"}, size)  # type: ignore[misc]
    assert order == [*"ab", *"ab", *"ba", *"ab", *"ba"]
    assert {len(seconds) for seconds in samples.seconds.values()} == {4}


def test_the_middle_half_leaves_out_the_extremes() -> None:
    assert middle_half([1.0, 2.0, 3.0, 4.0, 1000.0]).startswith("1.5…")


def test_saving_one_benchmark_keeps_the_results_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    save([_named("a", 1.0), _named("b", 1.0)], path)
    save([_named("b", 2.0)], path)
    assert {one["name"]: one["value"] for one in json.loads(path.read_text("utf-8"))} == {"a": 1.0, "b": 2.0}


def test_a_missed_figure_is_named_in_the_table() -> None:
    console = Console(record=True, width=160, file=io.StringIO())
    show([_named("a", 3.0, must="<= 2")], console)
    assert "MISSED" in console.export_text()


def _named(name: str, value: float, must: str | None = None) -> Result:
    return result(name, value, "us", must=must)
