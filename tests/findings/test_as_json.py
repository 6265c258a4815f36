"""The JSON report is data for any reader and harmless to whoever prints it."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings

from garrison.findings import Report, ToolStatus
from garrison.findings.as_json import LAYOUT, write

from .samples import SCRIPT, TEXTS, finding, full_report, hostile_report, report


def without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@settings(deadline=None, max_examples=80)
@given(TEXTS)
def test_any_text_comes_back_unchanged_except_for_lone_surrogates(text: str) -> None:
    read = json.loads(write(hostile_report(text)))
    assert read["findings"][0]["message"] == without_lone_surrogates(f"x{text}x")
    assert read["findings"][0]["evidence"] == without_lone_surrogates(f"x{text}x")


@settings(deadline=None, max_examples=80)
@given(TEXTS)
def test_the_file_is_printable_ascii_without_markup(text: str) -> None:
    written = write(hostile_report(text))
    assert written.isascii()
    assert written.replace("\n", "").isprintable()
    assert not set("<>&") & set(written)


def test_naive_json_carries_markup_and_bidi_controls() -> None:
    assert "<script>" in json.dumps({"message": SCRIPT})
    assert "\u202e" in json.dumps({"message": "\u202etxt.exe"}, ensure_ascii=False)


def test_the_layout_is_named_and_holds_the_whole_report() -> None:
    full = full_report()
    read = json.loads(write(full))
    assert read["layout"] == LAYOUT == "garrison-findings/1"
    assert read["complete"] is False
    assert read["counts"] == {"critical": 1, "high": 2, "medium": 1, "low": 1, "info": 1}
    assert [item["fingerprint"] for item in read["findings"]] == [item.fingerprint for item in full.findings]
    assert [item["outcome"] for item in read["statuses"]] == [
        "findings",
        "findings",
        "skipped",
        "error",
        "incomplete",
        "stale",
    ]
    assert read["statuses"][5]["since"] == "2025-01-03"
    assert read["findings"][0]["location"] == {"path": "garrison.toml", "line": 1, "column": None, "key": ""}


def test_the_snippet_stays_out_of_the_file() -> None:
    assert "select * from users" not in write(report(finding(snippet="select * from users")))


def test_a_report_without_a_time_is_the_same_on_each_run() -> None:
    assert write(full_report()) == write(full_report())
    timed = Report(
        command="check",
        version="1",
        statuses=(ToolStatus.ran("check"),),
        created=datetime(2026, 11, 23, 12, tzinfo=UTC),
    )
    assert json.loads(write(timed))["created"] == "2026-11-23T12:00:00+00:00"
