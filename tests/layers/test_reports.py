"""Browser reports: known kinds become short clean fields, everything else is dropped or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from garrison.core.verdict import Reason, Refuse
from garrison.layers.reports import KINDS, LIMIT, BrowserReport, parse_reports, to_event_details

REPORTS = b"application/reports+json"
LEGACY = b"application/csp-report"


def parsed(content: object, kind: bytes = REPORTS, limit: int = 20) -> list[BrowserReport]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    found = parse_reports(kind, body, limit)
    assert not isinstance(found, Refuse)
    return found


def violation(**body: Any) -> dict[str, Any]:
    return {"type": "csp-violation", "age": 1, "url": "https://example.com/page", "user_agent": "x", "body": body}


def test_a_legacy_csp_report_is_read() -> None:
    found = parsed(
        {
            "csp-report": {
                "document-uri": "https://example.com/a?token=1#x",
                "violated-directive": "script-src-elem",
                "effective-directive": "script-src-elem",
                "blocked-uri": "https://evil.example/x.js?y",
                "disposition": "enforce",
                "source-file": "https://example.com/a.js",
                "line-number": 3,
                "column-number": 14,
                "script-sample": "secret",
            }
        },
        LEGACY,
    )
    assert found == [
        BrowserReport(
            kind="csp-violation",
            url="https://example.com/a",
            disposition="enforce",
            rule="script-src-elem",
            blocked="https://evil.example/x.js",
            source="https://example.com/a.js",
            line=3,
            column=14,
        )
    ]


def test_a_reporting_api_violation_is_read() -> None:
    report = violation(
        documentURL="https://example.com/b?q",
        effectiveDirective="img-src",
        blockedURL="inline",
        disposition="report",
        lineNumber=7,
        sample="secret",
    )
    assert parsed([report], REPORTS + b"; charset=utf-8") == [
        BrowserReport(
            "csp-violation", "https://example.com/b", disposition="report", rule="img-src", blocked="inline", line=7
        )
    ]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_known_kind_is_read(kind: str) -> None:
    found = parsed([{"type": kind, "url": "https://example.com/", "body": {"id": "X", "message": "m"}}])
    assert found[0].kind == kind


def test_unknown_kinds_and_malformed_entries_are_dropped_and_the_others_kept() -> None:
    content = [{"type": "nel"}, 7, None, "x", {"type": 3}, {"type": ["csp-violation"]}, violation(blockedURL="eval")]
    assert [report.blocked for report in parsed(content)] == ["eval"]


def test_a_report_without_a_body_is_read_from_its_envelope() -> None:
    assert parsed([{"type": "crash", "url": "https://example.com/x?y", "body": None}]) == [
        BrowserReport("crash", "https://example.com/x")
    ]


def test_a_single_report_without_its_array_is_read() -> None:
    assert len(parsed(violation())) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://user:pw@example.com:8443/p?q#f", "https://example.com:8443/p"),
        ("https://example.com/p;x=1", "https://example.com/p;x=1"),
        ("data:text/html,<script>secret</script>", "data:"),
        ("blob:https://example.com/uuid", "blob:"),
        ("chrome-extension://abcdef/script.js", "chrome-extension:"),
        ("inline", "inline"),
        ("", ""),
        (7, ""),
        (None, ""),
        ("https://example.com/" + "x" * 5000, "https://example.com/" + "x" * 280),
    ],
)
def test_urls_lose_credentials_query_and_fragment(sent: object, kept: str) -> None:
    assert parsed([violation(blockedURL=sent)])[0].blocked == kept


def test_no_more_reports_than_the_limit_are_read() -> None:
    assert len(parsed([violation() for _ in range(500)], limit=20)) == 20


@pytest.mark.parametrize("number", [-1, 0, 2**31, 1e300, True, "7", None, [], 3.5])
def test_a_line_that_is_no_plausible_number_is_dropped(number: object) -> None:
    assert parsed([violation(lineNumber=number)])[0].line == 0


def test_event_details_are_plain_and_hold_no_empty_fields() -> None:
    details = to_event_details(parsed([violation(blockedURL="eval", effectiveDirective="script-src")])[0])
    assert details == {
        "kind": "csp-violation",
        "url": "https://example.com/page",
        "rule": "script-src",
        "blocked": "eval",
    }


@pytest.mark.parametrize("kind", [b"", b"application/json", b"text/plain", b"application/csp-report+x", b"x" * 10_000])
def test_another_content_type_is_refused(kind: bytes) -> None:
    found = parse_reports(kind, b"[]", 20)
    assert isinstance(found, Refuse)
    assert (found.reason, found.status) == (Reason.CONTENT_TYPE_UNSUPPORTED, 415)


def test_a_body_beyond_the_hard_limit_is_refused_unread() -> None:
    found = parse_reports(REPORTS, b"[" + b" " * LIMIT + b"]", 20)
    assert isinstance(found, Refuse)
    assert found.status == 413
