"""A report never lets a tool that did not run look like clean code."""

from datetime import UTC, date, datetime

import pytest

from garrison.findings import Location, Outcome, Report, Severity, ToolStatus, exit_code

from .samples import finding, full_report, report


def test_a_full_run_without_findings_exits_with_0() -> None:
    assert exit_code(report()) == 0


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("threshold", list(Severity))
def test_a_finding_exits_with_1_from_the_threshold_up(severity: Severity, threshold: Severity) -> None:
    worst_first = list(Severity)
    expected = int(worst_first.index(severity) <= worst_first.index(threshold))
    assert exit_code(report(finding(severity=severity)), threshold) == expected


GAPS = [
    ToolStatus.skipped("t", "not installed"),
    ToolStatus.failed("t", "crashed"),
    ToolStatus.incomplete("t", "two files unread"),
    ToolStatus.stale("t", date(2025, 1, 3)),
]


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: str(gap.outcome))
def test_a_required_tool_that_did_not_fully_run_exits_with_3_whatever_was_found(gap: ToolStatus) -> None:
    ran = ToolStatus.ran("check")
    assert exit_code(report(statuses=(ran, gap))) == 3
    assert exit_code(report(finding(), statuses=(ran, gap))) == 3


def test_an_optional_tool_that_was_skipped_does_not_fail_the_run() -> None:
    statuses = (ToolStatus.ran("check"), ToolStatus.skipped("semgrep", "not installed", required=False))
    assert exit_code(report(statuses=statuses)) == 0
    assert exit_code(report(finding(), statuses=statuses)) == 1


def test_a_report_in_which_nothing_ran_is_not_fine() -> None:
    empty = report(statuses=())
    assert not empty.complete
    assert exit_code(empty) == 3


@pytest.mark.parametrize("make", [ToolStatus.skipped, ToolStatus.failed, ToolStatus.incomplete])
def test_anything_but_a_full_run_has_to_say_why(make: object) -> None:
    with pytest.raises(ValueError, match="reason"):
        make("t", " ")  # type: ignore[operator]


def test_a_stale_tool_says_how_old_its_data_is() -> None:
    status = ToolStatus.stale("pip-audit", date(2025, 1, 3))
    assert status.since == date(2025, 1, 3)
    assert "2025-01-03" in status.detail


def test_two_statuses_of_one_tool_are_refused() -> None:
    with pytest.raises(ValueError, match="two statuses"):
        report(statuses=(ToolStatus.ran("bandit"), ToolStatus.skipped("bandit", "no files")))


def test_a_tool_that_ran_and_found_something_gets_the_outcome_findings() -> None:
    statuses = (ToolStatus.ran("check"), ToolStatus.ran("bandit"))
    made = report(finding(), statuses=statuses)
    assert [status.outcome for status in made.statuses] == [Outcome.FINDINGS, Outcome.OK]


def test_a_gap_stays_a_gap_when_the_tool_found_something() -> None:
    made = report(finding(), statuses=(ToolStatus.incomplete("check", "one file unread"),))
    assert made.statuses[0].outcome is Outcome.INCOMPLETE


def test_a_tool_known_only_by_its_findings_gets_a_status() -> None:
    made = report(finding(source="bandit"))
    assert [(status.tool, status.outcome) for status in made.statuses] == [
        ("check", Outcome.OK),
        ("bandit", Outcome.FINDINGS),
    ]


def test_findings_come_worst_first_and_then_by_place() -> None:
    made = report(
        finding(severity=Severity.LOW),
        finding(severity=Severity.HIGH, location=Location(path="b.py", line=1)),
        finding(severity=Severity.HIGH, location=Location(path="a.py", line=10)),
        finding(severity=Severity.HIGH, location=Location(path="a.py", line=9)),
        finding(severity=Severity.CRITICAL, location=None),
    )
    assert [str(item.location) for item in made.findings][:4] == ["None", "a.py:9", "a.py:10", "b.py:1"]


def test_counts_name_every_severity_worst_first() -> None:
    assert list(full_report().counts.items()) == [
        (Severity.CRITICAL, 1),
        (Severity.HIGH, 2),
        (Severity.MEDIUM, 1),
        (Severity.LOW, 1),
        (Severity.INFO, 1),
    ]


def test_a_time_without_a_zone_is_refused() -> None:
    assert Report(command="check", version="1", created=datetime(2026, 1, 1, tzinfo=UTC)).created
    with pytest.raises(ValueError, match="zone"):
        Report(command="check", version="1", created=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself
