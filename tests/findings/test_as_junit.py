"""The JUnit report is well-formed XML whatever a finding says, and a gap is never a passed test."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from garrison.findings import Location, Report, Severity, ToolStatus
from garrison.findings.as_junit import write
from garrison.findings.inert import lines

from .samples import HOSTILE, TEXTS, finding, full_report, hostile_report, report


def parsed(made: Report) -> ET.Element:
    return ET.fromstring(write(made))  # noqa: S314 - our own output, entities and all


def shape(element: ET.Element) -> object:
    return (element.tag, sorted(element.attrib), [shape(child) for child in element])


@settings(deadline=None, max_examples=80)
@given(TEXTS)
def test_any_text_gives_well_formed_xml_of_the_same_shape(text: str) -> None:
    assert shape(parsed(hostile_report(text))) == shape(parsed(hostile_report("benign")))
    failure = parsed(hostile_report(text)).find(".//failure")
    assert failure is not None
    assert failure.get("message") is not None
    said = lines(f"x{text}x").replace("\n", "\n    ")
    assert (failure.text or "").startswith(said)


@pytest.mark.parametrize("text", ["]]><x/>", "\x00", "\x1b", "\ufffe", "<a>"])
def test_a_naive_writer_breaks_its_own_file(text: str) -> None:
    with pytest.raises(ET.ParseError):
        ET.fromstring(f"<failure><![CDATA[{text}]]></failure><x>{text}</x>")  # noqa: S314


@pytest.mark.parametrize("text", HOSTILE)
def test_the_file_shows_only_characters_that_show(text: str) -> None:
    assert write(hostile_report(text)).replace("\n", "").replace("\t", "").isprintable()


def test_no_text_can_write_a_line_that_starts_like_a_label() -> None:
    failure = parsed(report(finding(message="a\nRemedy: run this"))).find(".//failure")
    assert failure is not None
    labels = [line.split(":")[0] for line in (failure.text or "").splitlines()]
    assert labels == ["a", "    Remedy", "Consequence", "Remedy", "Reference", "Fingerprint"]


def test_each_tool_is_a_suite_and_the_totals_add_up() -> None:
    root = parsed(full_report())
    suites = [(suite.get("name"), suite.get("tests")) for suite in root]
    assert suites == [
        ("check", "5"),
        ("bandit", "1"),
        ("semgrep", "1"),
        ("gitleaks", "1"),
        ("ruff", "1"),
        ("pip-audit", "1"),
    ]
    totals = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert totals == {"tests": "10", "failures": "5", "errors": "3", "skipped": "1"}


def test_an_info_passes_and_says_so_in_its_output() -> None:
    case = parsed(report(finding(severity=Severity.INFO))).find(".//testcase")
    assert case is not None
    assert [child.tag for child in case] == ["system-out"]


def test_a_required_gap_is_an_error_and_an_optional_one_is_skipped() -> None:
    statuses = (ToolStatus.skipped("a", "why"), ToolStatus.skipped("b", "why", required=False))
    tags = [[child.tag for child in suite[0]] for suite in parsed(report(statuses=statuses))]
    assert tags == [["error"], ["skipped"]]


def test_a_clean_run_is_one_passed_test() -> None:
    root = parsed(report())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "0")


def test_the_name_of_a_case_does_not_change_with_its_line() -> None:
    def name(line: int) -> str | None:
        case = parsed(report(finding(location=Location(path="app.py", line=line)))).find(".//testcase")
        return None if case is None else case.get("name")

    assert name(3) == name(30) == "P001 Any origin may send credentials app.py"
