"""The planted holes are seen, and their twins are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.scan.run import Scan
from tests.scan.planted_table import PLANTED, by_file, cases, findings_of, look, row, scanners

from .own_tools import own_tools  # noqa: F401  # a fixture

pytestmark = [pytest.mark.xdist_group("scan-planted"), pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def both(own_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scan, Scan]]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GARRISON_TOOLS", str(own_tools))
        chosen = scanners(tmp_path_factory.mktemp("advisories"))
        yield look("holes", chosen), look("twins", chosen)


def test_there_are_forty_holes_or_more_over_all_categories_each_with_a_twin() -> None:
    every = cases()
    assert len(every) >= 40
    assert {one.owasp for one in every} == {f"A{number:02}:2025" for number in range(1, 11)}
    assert all((PLANTED / side / one.file).is_file() for one in every for side in ("holes", "twins"))


def test_the_scanners_see_95_percent_of_the_tuned_holes_and_say_nothing_about_any_twin(both: tuple[Scan, Scan]) -> None:
    holes, twins = both
    assert [one for one in (*holes.statuses, *twins.statuses) if not one.outcome.full] == []
    seen, missed, loud = row("together", "tuned", holes, twins)
    assert len(seen) / (len(seen) + len(missed)) >= 0.95, missed
    assert loud == 0
    assert by_file(findings_of(twins, "together")) == {}


def test_the_figures_of_the_documentation_are_those_of_a_run(both: tuple[Scan, Scan]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "scan.md").read_text(encoding="utf-8")
    for tool in ("code", "bandit", "ruff", "detect-secrets", "advisories", "together"):
        for half in ("tuned", "blind"):
            seen, missed, loud = row(tool, half, *both)
            assert f"| {tool} | {half} | {len(seen)} of {len(seen) + len(missed)} |" in page, (tool, half, missed)
            assert loud == 0


def test_what_several_scanners_say_about_one_call_is_one_finding_with_their_voices(both: tuple[Scan, Scan]) -> None:
    (found,) = by_file(findings_of(both[0], "together"))["shell_line.py"]
    assert found.source == "code"
    assert {voice.partition(":")[0] for voice in found.voices} == {"bandit", "ruff"}
