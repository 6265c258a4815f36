"""Severities order by how bad they are and map to what other programs read."""

import pytest

from garrison.findings import Level, Severity


def test_severities_order_from_info_to_critical() -> None:
    worst_first = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO]
    assert worst_first == list(Severity)
    assert sorted(worst_first) == worst_first[::-1]
    assert max(Severity) is Severity.CRITICAL


def test_severities_do_not_order_by_their_letters() -> None:
    assert Severity.CRITICAL > Severity.LOW
    assert "critical" < "low"  # the control: as plain words they would


def test_a_severity_compares_with_its_word_from_either_side() -> None:
    assert Severity.HIGH >= "high"
    assert Severity.HIGH <= "high"
    low, critical = "low", "critical"
    assert critical > Severity.HIGH
    assert low < Severity.HIGH


def test_a_severity_refuses_to_compare_with_a_word_that_is_none() -> None:
    with pytest.raises(ValueError, match="hgih"):
        assert Severity.LOW >= "hgih"


def test_critical_and_high_are_errors_medium_and_low_warnings_info_a_note() -> None:
    levels = [severity.level for severity in Severity]
    assert levels == [Level.ERROR, Level.ERROR, Level.WARNING, Level.WARNING, Level.NOTE]


@pytest.mark.parametrize(
    ("severity", "low", "high"),
    [("critical", 9.0, 10.0), ("high", 7.0, 8.9), ("medium", 4.0, 6.9), ("low", 0.1, 3.9), ("info", 0.0, 0.0)],
)
def test_the_score_lies_in_the_cvss_band_of_the_same_name(severity: str, low: float, high: float) -> None:
    assert low <= Severity(severity).score <= high
