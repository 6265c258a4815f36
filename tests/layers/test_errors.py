"""Error answers: problem+json or a page, the right headers, and validation errors without input."""

from __future__ import annotations

import gzip
import json
from typing import Any, get_args

import pytest
from pydantic_core import core_schema

from garrison.core.verdict import Reason
from garrison.layers.accept import prefers_html
from garrison.layers.errors import Renderer, compile_errors, safe_validation
from garrison.layers.problem import QUOTA_EXCEEDED
from garrison.layers.validation_rules import describe
from garrison.policy import Policy

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
RENDER = Renderer()


def rendered(status: int = 403, **given: Any) -> tuple[dict[bytes, bytes], bytes]:
    arguments = {"reason": Reason.CROSS_SITE, "accept": b"*/*", "request_id": "r-1", **given}
    headers, body = RENDER.render(status, **arguments)
    return dict(headers), body


def fastapi_body(*errors: dict[str, Any]) -> bytes:
    return json.dumps({"detail": list(errors)}, separators=(",", ":")).encode()


def one(rule: str = "int_parsing", loc: tuple[object, ...] = ("body", "age"), **more: Any) -> dict[str, Any]:
    return {"type": rule, "loc": list(loc), "msg": "quotes the input", "input": "the input", **more}


def safe(*errors: dict[str, Any]) -> list[dict[str, str]]:
    out = safe_validation(fastapi_body(*errors), "r-1")
    assert out is not None
    listed: list[dict[str, str]] = json.loads(out)["errors"]
    return listed


def test_a_refusal_is_a_problem_document() -> None:
    headers, body = rendered(hint="Reload the page.")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"content-length"] == str(len(body)).encode()
    assert json.loads(body) == {
        "type": "urn:garrison:refusal:cross-site",
        "title": "Forbidden",
        "status": 403,
        "detail": "Reload the page.",
        "reason": "cross-site",
        "request_id": "r-1",
    }


def test_a_rate_refusal_has_the_registered_type_and_says_when_to_come_back() -> None:
    headers, body = rendered(429, reason=Reason.RATE_LIMITED, retry_after=7)
    assert json.loads(body)["type"] == QUOTA_EXCEEDED
    assert headers[b"retry-after"] == b"7"


def test_what_is_no_refusal_has_no_type_of_ours() -> None:
    assert json.loads(rendered(500, reason="internal-error")[1])["type"] == "about:blank"


def test_a_browser_gets_a_small_page_without_styles_and_scripts() -> None:
    headers, body = rendered(hint="Reload & try <again>.", accept=BROWSER)
    page = body.decode()
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert "<h1>Forbidden</h1>" in page
    assert "Reload &amp; try &lt;again&gt;." in page
    assert "r-1" in page
    assert '<html lang="en">' in page
    for forbidden in ("<style", "<script", "style=", "src=", "href=", " on"):
        assert forbidden not in page.replace(" on our side", "")


@pytest.mark.parametrize("accept", [b"*/*", BROWSER])
def test_head_has_the_headers_of_get_and_no_body(accept: bytes) -> None:
    head, nothing = rendered(accept=accept, method="HEAD")
    got, body = rendered(accept=accept)
    assert nothing == b""
    assert head == got
    assert int(head[b"content-length"]) == len(body)


def test_without_a_hint_there_is_a_sentence_all_the_same() -> None:
    for status in (400, 401, 403, 404, 405, 413, 414, 415, 421, 422, 429, 431, 500, 503, 599):
        assert json.loads(rendered(status)[1])["detail"].endswith(".")


def test_titles_are_those_of_rfc_9110_on_every_python() -> None:
    assert json.loads(rendered(413)[1])["title"] == "Content Too Large"
    assert json.loads(rendered(999)[1])["title"] == "Error"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        (b"text/html", True),
        (b"TEXT/HTML", True),
        (b"application/xhtml+xml", True),
        (b"text/html;q=0.9, application/json;q=0.8", True),
        (b"text/html;level=1;q=0.9, application/json;q=0.5", True),
        (b"", False),
        (b"*/*", False),
        (b"application/json", False),
        (b"application/json, text/html", False),
        (b"application/problem+json, text/html;q=0.9", False),
        (b"text/html;q=0, */*", False),
        (b"text/html;q=0.5, */*", False),
        (b"text/plain", False),
    ],
)
def test_a_page_is_sent_only_to_who_prefers_html(accept: bytes, html: bool) -> None:
    assert prefers_html(accept) is html


def test_the_policy_says_what_is_replaced() -> None:
    assert compile_errors(Policy()) == Renderer(validation=True, unhandled=True)
    assert compile_errors(Policy(preset="compat")) == Renderer(validation=False, unhandled=False)


def test_a_validation_error_names_field_and_rule() -> None:
    out = safe_validation(fastapi_body(one("greater_than_equal", ctx={"ge": 18})), "r-1")
    assert out is not None
    problem = json.loads(out)
    assert problem["status"] == 422
    assert problem["request_id"] == "r-1"
    assert problem["errors"] == [
        {"in": "body", "field": "age", "rule": "greater_than_equal", "detail": "must be at least 18"}
    ]


@pytest.mark.parametrize(
    ("rule", "context", "sentence"),
    [
        ("missing", {}, "is required"),
        ("string_too_long", {"max_length": 40}, "must have at most 40 characters"),
        ("multiple_of", {"multiple_of": 0.5}, "must be a multiple of 0.5"),
        ("greater_than", {"gt": "9.5"}, "must be greater than 9.5"),
        ("greater_than", {"gt": "<b>"}, "is too small"),
        ("greater_than", {"gt": True}, "is too small"),
        ("less_than", {}, "is too large"),
        ("literal_error", {"expected": "'a' or 'b'"}, "must be 'a' or 'b'"),
        ("literal_error", {"expected": "x" * 201}, "is not one of the allowed values"),
        ("union_tag_invalid", {"tag": "evil", "expected_tags": "'a'"}, "is of an unknown kind"),
        ("value_error", {"error": "evil"}, "is not valid"),
        ("house_rule", {"anything": "evil"}, "is not valid"),
    ],
)
def test_a_rule_has_a_sentence_with_the_limits_of_the_schema_alone(
    rule: str, context: dict[str, object], sentence: str
) -> None:
    assert describe(rule, context) == sentence


def test_every_rule_of_pydantic_has_a_sentence_and_the_application_owned_ones_the_general_one() -> None:
    general = {rule for rule in get_args(core_schema.ErrorType) if describe(rule, {}) == "is not valid"}
    assert "value_error" in general
    assert "assertion_error" in general
    assert not {rule for rule in general if rule.endswith(("_type", "_parsing", "_past", "_too_long"))} - {
        "is_instance_type",
        "arguments_type",
        "callable_type",
    }


@pytest.mark.parametrize(
    ("loc", "rule", "field"),
    [
        (("body", "items", 0, "price"), "float_parsing", "items.0.price"),
        (("query", "page"), "int_parsing", "page"),
        (("header", "x-token"), "missing", "x-token"),
        (("body",), "missing", ""),
        (("body", 17), "json_invalid", ""),
        (("body", "meta", "<script>"), "int_parsing", "meta.*"),
        (("body", "meta", "4111111111111111"), "int_parsing", "meta.*"),
        (("body", "meta", "someone@example.com"), "int_parsing", "meta.*"),
        (("body", "meta", "x" * 65), "int_parsing", "meta.*"),
        (("body", "meta", "secret", "[key]"), "string_too_long", "meta.*"),
        (("body", "secret"), "extra_forbidden", ""),
        (("body", "inner", "secret"), "extra_forbidden", "inner"),
        (("body", None, True, {"a": 1}, -1), "int_parsing", "*.*.*.*"),
        (("body", *("abcdefghij")), "int_parsing", "a.b.c.d.e.f.g.h.…"),
    ],
)
def test_places_show_fields_and_hide_what_only_the_input_names(loc: tuple[object, ...], rule: str, field: str) -> None:
    assert safe(one(rule, loc))[0]["field"] == field


def test_the_place_is_one_of_fastapis() -> None:
    assert safe(one(loc=("cookie", "id")))[0]["in"] == "cookie"
    assert safe(one(loc=("evil", "id")))[0] == {
        "in": "", "field": "evil.id", "rule": "int_parsing", "detail": "must be a whole number",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Unprocessable",
        b"[]",
        b'{"detail":"Nope"}',
        b'{"detail":[]}',
        b'{"detail":["x"]}',
        b'{"detail":[{"type":"x"}]}',
        b'{"detail":[{"type":"x","loc":"body","msg":"m"}]}',
        b'{"detail":[{"type":"x","loc":[],"msg":"m","code":7}]}',
        b'{"detail":[{"type":"x","loc":[],"msg":"m"}],"code":7}',
        b'{"errors":[{"type":"x","loc":[],"msg":"m"}]}',
        b'{"detail":[{"type":"x","loc":[],"msg":"m"},7]}',
    ],
)
def test_a_422_of_the_applications_own_passes(body: bytes) -> None:
    assert safe_validation(body, "r-1") is None


def test_many_errors_are_cut_and_counted() -> None:
    out = safe_validation(fastapi_body(*[one() for _ in range(1000)]), "r-1")
    assert out is not None
    assert len(json.loads(out)["errors"]) == 50
    assert json.loads(out)["errors_omitted"] == 950


def test_a_compressed_validation_error_is_read_and_one_that_can_not_be_is_replaced() -> None:
    body = fastapi_body(one())
    read = safe_validation(gzip.compress(body), "r-1", encoding=b"gzip")
    assert read == safe_validation(body, "r-1")
    for encoding in (b"br", b"zstd", b"gzip"):
        unread = safe_validation(b"\x1b\x00 whatever", "r-1", encoding=encoding)
        assert unread is not None
        assert "errors" not in json.loads(unread)
    assert safe_validation(gzip.compress(b'{"detail":"Nope"}'), "r-1", encoding=b"gzip") is None
