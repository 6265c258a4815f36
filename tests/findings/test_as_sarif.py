"""The SARIF report keeps to the standard, and its messages are text and nothing else."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from garrison.findings import Confidence, Location, Report, Severity, ToolStatus
from garrison.findings.as_sarif import message, write

from .samples import TEXTS, finding, full_report, hostile_report, report
from .sarif_rules import LOG

LINK = re.compile(r"(?<!\\)\[[^\]]*(?<!\\)\]\([^)]*\)")  # section 3.11.6
PLACEHOLDER = re.compile(r"(?<!\{)\{\d+\}")  # section 3.11.5


def runs_of(made: Report) -> Any:
    return json.loads(write(made))["runs"]


def run_of(made: Report) -> Any:
    return runs_of(made)[0]


@pytest.mark.parametrize("made", [full_report(), report(), report(statuses=())], ids=["full", "clean", "empty"])
def test_a_report_is_valid_sarif(made: Report) -> None:
    LOG(json.loads(write(made)))


@settings(deadline=None, max_examples=80)
@given(TEXTS)
def test_a_report_stays_valid_sarif_whatever_the_texts_hold(text: str) -> None:
    LOG(json.loads(write(hostile_report(text))))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda log: log.update(version="2.0.0"),
        lambda log: log["runs"][0].update(result=[]),
        lambda log: log["runs"][0]["tool"]["driver"].pop("name"),
        lambda log: log["runs"][0]["results"][0].update(level="high"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["tool"]["driver"]["rules"][0]["properties"].update(tags=["a", "a"]),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].update(
            uri="/home/me/garrison.toml"
        ),
    ],
)
def test_the_validator_refuses_what_the_standard_refuses(break_it: Any) -> None:
    log = json.loads(write(full_report()))
    LOG(log)
    break_it(log)
    with pytest.raises(AssertionError):
        LOG(log)


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_no_message_holds_a_link_or_a_placeholder(text: str) -> None:
    assert not LINK.search(message(text))
    assert not PLACEHOLDER.search(message(text))


def test_a_naive_message_would_hold_both() -> None:
    naive = "see [docs](javascript:alert(1)) and {0}"
    assert LINK.search(naive)
    assert PLACEHOLDER.search(naive)
    assert message(naive) == "see \\[docs\\](javascript:alert(1)) and {{0}}"


def test_ordinary_brackets_and_braces_stay_readable() -> None:
    assert message("origins = ['*'] on /items/{id}") == "origins = ['*'] on /items/{id}"


def test_every_result_points_at_its_rule_and_each_rule_has_help() -> None:
    runs = runs_of(full_report())
    assert sum(len(run["tool"]["driver"]["rules"]) for run in runs) == 6
    for run in runs:
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules)


def test_each_foreign_tool_that_was_started_has_a_run_and_what_was_not_stands_in_our_own() -> None:
    statuses = (
        ToolStatus.ran("code", "3 files"),
        ToolStatus.ran("bandit", "3 files", version="1.9.4"),
        ToolStatus.ran("ruff", "3 files", version="0.17.6"),
        replace(ToolStatus.skipped("semgrep", "not installed", required=False), version="1.185.0"),
    )
    made = report(finding(source="code"), finding(source="bandit"), finding(source="ruff"), statuses=statuses)
    runs = runs_of(made)
    drivers = [(run["tool"]["driver"]["name"], run["tool"]["driver"]["version"]) for run in runs]
    assert drivers == [("garrison", made.version), ("bandit", "1.9.4"), ("ruff", "0.17.6")]
    assert [len(run["results"]) for run in runs] == [1, 1, 1]
    assert [[one["properties"]["tool"] for one in run["invocations"]] for run in runs] == [
        ["code", "semgrep"], ["bandit"], ["ruff"],
    ]  # fmt: skip
    categories = [run["automationDetails"]["id"] for run in runs]
    assert categories == ["garrison/check/", "garrison/check/bandit/", "garrison/check/ruff/"]
    LOG(json.loads(write(made)))


def test_two_tools_with_one_rule_id_keep_a_rule_each() -> None:
    rules = [rule for run in runs_of(full_report()) for rule in run["tool"]["driver"]["rules"]]
    titles = {rule["shortDescription"]["text"] for rule in rules if rule["id"] == "P001"}
    assert titles == {"Any origin may send credentials", "Another rule of that id"}


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [("critical", "error", "9.5"), ("high", "error", "8.0"), ("medium", "warning", "5.5"), ("low", "warning", "2.5")],
)
def test_severity_becomes_level_and_security_severity(severity: str, level: str, score: str) -> None:
    run = run_of(report(finding(severity=Severity(severity))))
    rule = run["tool"]["driver"]["rules"][0]
    assert run["results"][0]["level"] == rule["defaultConfiguration"]["level"] == level
    assert rule["properties"]["security-severity"] == score


def test_an_info_is_a_note_without_a_score() -> None:
    run = run_of(report(finding(severity=Severity.INFO)))
    assert run["results"][0]["level"] == "note"
    assert "security-severity" not in run["tool"]["driver"]["rules"][0]["properties"]


def test_a_rule_takes_its_worst_severity_and_its_surest_precision() -> None:
    low = finding(severity=Severity.LOW, confidence=Confidence.HIGH)
    high = finding(severity=Severity.HIGH, confidence=Confidence.LOW, location=Location(key="other"))
    properties = run_of(report(low, high))["tool"]["driver"]["rules"][0]["properties"]
    assert (properties["security-severity"], properties["precision"]) == ("8.0", "high")


def test_the_fingerprint_is_ours_under_both_names() -> None:
    item = report(finding()).findings[0]
    prints = run_of(report(item))["results"][0]["partialFingerprints"]
    assert prints == {"garrison/v1": item.fingerprint, "primaryLocationLineHash": item.fingerprint}


def test_file_names_become_relative_uris() -> None:
    for path, uri in [("a b/ä.py", "a%20b/%C3%A4.py"), ("a:b", "a%3Ab"), ("x/%41?#", "x/%2541%3F%23")]:
        run = run_of(report(finding(location=Location(path=path, line=3, column=5))))
        physical = run["results"][0]["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}
        assert physical["region"] == {"startLine": 3, "startColumn": 5}


@pytest.mark.parametrize("where", [None, Location(key="GET /items/{id}"), Location(path="a.py")])
def test_every_result_has_the_file_and_line_without_which_code_hosts_refuse_the_log(where: Location | None) -> None:
    location = run_of(report(finding(location=where)))["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == ((where and where.path) or ".")
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    if where and where.key:
        assert location["logicalLocations"] == [{"fullyQualifiedName": "GET /items/{id}"}]


def test_cwe_and_owasp_become_tags() -> None:
    tags = run_of(report(finding(cwe=(79, 1004))))["tool"]["driver"]["rules"][0]["properties"]["tags"]
    assert tags == ["security", "external/cwe/cwe-079", "external/cwe/cwe-1004", "A05:2021"]


def test_only_a_web_address_becomes_a_help_uri() -> None:
    assert "helpUri" not in run_of(report(finding(reference="javascript:alert(1)")))["tool"]["driver"]["rules"][0]
    rule = run_of(report(finding()))["tool"]["driver"]["rules"][0]
    assert rule["helpUri"] == finding().reference


def test_a_tool_that_did_not_run_is_an_unsuccessful_invocation_with_a_notification() -> None:
    optional = ToolStatus.skipped("semgrep", "not installed", required=False)
    run = run_of(report(statuses=(ToolStatus.ran("check"), ToolStatus.failed("bandit", "crashed"), optional)))
    assert [item["executionSuccessful"] for item in run["invocations"]] == [True, False, False]
    levels = [item["toolExecutionNotifications"][0]["level"] for item in run["invocations"][1:]]
    assert levels == ["error", "warning"]


def test_check_and_scan_are_kept_apart_by_code_hosts() -> None:
    scan = Report(command="scan", version="1")
    assert run_of(report())["automationDetails"]["id"] == "garrison/check/"
    assert run_of(scan)["automationDetails"]["id"] == "garrison/scan/"
