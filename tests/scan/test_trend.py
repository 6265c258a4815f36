"""Scans are kept: bounded, apart by project, honest about what did not run, and never the end of a scan."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from garrison.findings.as_html import write
from garrison.findings.report import Report, ToolStatus
from garrison.findings.severity import Severity
from garrison.findings.trend import Point, Scope, drawing
from garrison.scan import trend
from garrison.scan.gate import Gated
from garrison.scan.trend import TrendUnusable, apart, keep, points
from tests.findings.samples import finding

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
FULL = (ToolStatus.ran("code"),)


def gated(*rules: str, suppressed: int = 0) -> Gated:
    found = tuple(finding(id=rule, severity=Severity.LOW) for rule in rules)
    return Gated((), suppressed=suppressed, open=found)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "scans.sqlite"


def test_new_and_gone_are_told_between_scans_of_the_same_tools_only(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path, FULL, gated("A1", "A2"), NOW)
    keep(file, tmp_path, (ToolStatus.failed("code", "crashed"),), gated(), NOW)
    keep(file, tmp_path, FULL, gated("A2", "A3", "A4", suppressed=2), NOW)
    first, blind, last = points(file, tmp_path)
    assert (first.new, first.gone, first.counts[Severity.LOW]) == (None, None, 2)
    assert (blind.new, blind.gone, blind.gaps) == (None, None, ("code",))
    assert (last.new, last.gone, last.total, last.suppressed) == (2, 1, 3, 2)


def test_what_had_nothing_to_look_at_is_no_gap(file: Path, tmp_path: Path) -> None:
    """The control: what was required, or broke, is one."""
    nothing, missing = ToolStatus.skipped("compose", "no file", required=False), ToolStatus.skipped("ruff", "missing")
    broke = ToolStatus.failed("gitleaks", "crashed", required=False)
    keep(file, tmp_path, (*FULL, nothing), gated(), NOW)
    keep(file, tmp_path, (*FULL, nothing, missing, broke), gated(), NOW)
    assert [one.gaps for one in points(file, tmp_path)] == [(), ("ruff", "gitleaks")]


def test_projects_do_not_see_each_other(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path / "a", FULL, gated("A1"), NOW)
    keep(file, tmp_path / "b", FULL, gated(), NOW)
    assert [one.total for one in points(file, tmp_path / "a")] == [1]
    assert [one.new for one in points(file, tmp_path / "b")] == [None]


def test_only_the_last_scans_are_kept(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trend, "MOST_SCANS", 3)
    for number in range(6):
        keep(file, tmp_path, FULL, gated("A1"), NOW + timedelta(days=number))
    assert [one.at.day for one in points(file, tmp_path, 100)] == [18, 19, 20]
    with sqlite3.connect(file) as store:
        assert store.execute("SELECT count(*) FROM findings").fetchone() == (3,)


def test_scans_of_another_scope_are_no_points_of_the_line_and_are_counted(file: Path, tmp_path: Path) -> None:
    both = (ToolStatus.ran("ruff"), ToolStatus.ran("code"))
    wide = keep(file, tmp_path, both, gated("A1", "A2"), NOW)
    keep(file, tmp_path, FULL, gated("A1"), NOW)
    live = keep(file, tmp_path, both, gated("A1"), NOW, ["--url https://a.example"])
    assert keep(file, tmp_path, tuple(reversed(both)), gated("A2"), NOW) == wide == Scope(("code", "ruff"))
    assert [(one.total, one.new, one.gone) for one in points(file, tmp_path, of=wide)] == [
        (2, None, None),
        (1, 0, 1),
    ]
    assert [(one.total, one.new, one.scope) for one in points(file, tmp_path, of=live)] == [(1, None, live)]
    assert (apart(file, tmp_path, wide), apart(file, tmp_path / "b", wide)) == (2, 0)
    assert str(live) == "code, ruff with --url https://a.example"


def test_scans_on_each_commit_do_not_push_out_those_by_night(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trend, "MOST_SCANS", 5)
    night = keep(file, tmp_path, (ToolStatus.ran("ruff"),), gated("A1"), NOW)
    for number in range(20):
        commit = keep(file, tmp_path, FULL, gated("A1"), NOW + timedelta(days=number))
    assert [len(points(file, tmp_path, of=one)) for one in (night, commit)] == [1, 4]
    assert points(file, tmp_path)[-1].at == NOW + timedelta(days=19)


def test_a_file_of_the_first_layout_is_read_and_its_scans_are_compared_with_none(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path, FULL, gated("A1"), NOW)
    with sqlite3.connect(file) as store:
        store.execute("ALTER TABLE scans DROP COLUMN scope")
        store.execute("PRAGMA user_version = 1")
    with ThreadPoolExecutor(4) as pool:
        scopes = list(pool.map(lambda number: keep(file, tmp_path, FULL, gated(), NOW), range(4)))
    old, *new = points(file, tmp_path)
    assert (old.total, old.scope) == (1, Scope())
    assert "earlier version" in str(old.scope)
    assert [(one.new, one.scope) for one in new] == [(None, scopes[0]), *[(0, scopes[0])] * 3]
    assert apart(file, tmp_path, scopes[0]) == 1


def test_nothing_but_rules_fingerprints_and_counts_is_kept(file: Path, tmp_path: Path) -> None:
    keep(file, tmp_path, FULL, Gated((), open=(finding(message="s3cret-value", evidence="s3cret-value"),)), NOW)
    assert b"s3cret-value" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_scans_at_the_same_time_are_all_kept(file: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: keep(file, tmp_path, FULL, gated(f"A{number}"), NOW), range(12)))
    assert len(points(file, tmp_path)) == 12


def test_a_file_of_another_kind_or_time_is_refused_and_left_as_it_was(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.write_text("no database at all, but text that is long enough" * 50)
    before = file.read_bytes()
    with pytest.raises(TrendUnusable):
        keep(file, tmp_path, FULL, gated(), NOW)
    assert file.read_bytes() == before
    file.unlink()
    keep(file, tmp_path, FULL, gated(), NOW)
    with sqlite3.connect(file) as store:
        store.execute("PRAGMA user_version = 9")
    with pytest.raises(TrendUnusable, match="layout 9"):
        points(file, tmp_path)


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrendUnusable):
        keep(file, tmp_path, FULL, gated(), NOW)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_keeps_nothing_of_the_scan(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(file, tmp_path, FULL, gated("A1"), NOW)
    connect = sqlite3.connect

    def small(*args: object, **keywords: object) -> sqlite3.Connection:
        store = connect(*args, **keywords)  # type: ignore[call-overload]
        pages = store.execute("PRAGMA page_count").fetchone()[0]
        store.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "database or disk is full"
        return store

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(TrendUnusable, match="full"):
            keep(file, tmp_path, FULL, gated(*(f"B{number}" for number in range(500))), NOW)
    assert [one.total for one in points(file, tmp_path)] == [1]


class TestDrawing:
    def point(self, *gaps: str, **counts: int) -> Point:
        return Point(at=NOW, counts={Severity(name): number for name, number in counts.items()}, gaps=gaps)

    def test_bars_stand_in_the_drawing_the_worst_at_the_bottom(self) -> None:
        drawn = drawing([self.point(high=1, low=1), self.point(low=4)])
        assert '<rect class="high" x="0.0" y="90.0"' in drawn
        assert '<rect class="low" x="0.0" y="60.0"' in drawn
        assert '<rect class="low" x="320.0" y="0.0"' in drawn

    def test_a_scan_with_gaps_is_faint(self) -> None:
        assert 'opacity="0.35"' in drawing([self.point("bandit", low=1)])
        assert "opacity" not in drawing([self.point(low=1)])

    @pytest.mark.parametrize("several", [[], [0], [0, 0]])
    def test_nothing_is_drawn_as_nothing(self, several: list[int]) -> None:
        assert "<rect" not in drawing([self.point(low=number) for number in several])

    def test_the_report_shows_it_with_what_did_not_run_and_no_markup_of_others(self) -> None:
        trend_of = (self.point(low=1), self.point("<script>", low=2))
        page = write(Report(command="scan", version="0", statuses=FULL, created=NOW, trend=trend_of))
        assert "<svg" in page
        assert "&lt;script&gt;" in page
        assert "<svg" not in write(Report(command="scan", version="0", statuses=FULL, trend=trend_of[:1]))

    def test_the_report_says_whose_scans_it_draws_and_how_many_are_left_out(self) -> None:
        scope = Scope(("code", "ruff"), ("--exclude <b>",))
        line = (Point(at=NOW, counts={}, scope=scope), Point(at=NOW, counts={}, scope=scope))
        page = write(Report(command="scan", version="0", statuses=FULL, created=NOW, trend=line, trend_apart=3))
        assert "Scans by code, ruff with --exclude &lt;b&gt;. Left out: 3 by other scanners" in page
        first = Report(command="scan", version="0", statuses=FULL, created=NOW, trend=line[:1], trend_apart=3)
        assert "No earlier scan like this one. Left out: 3 by" in write(first)
        assert "earlier scan" not in write(Report(command="scan", version="0", statuses=FULL, trend=line[:1]))
