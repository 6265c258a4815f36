"""Attacks through errors: reflected input, leaked internals, and headers or reports made to break the reader.

Quoted rule: "Error messages … do not contain sensitive information such as queries, stack traces" (OWASP ASVS 5.0,
16.5.1). The application is FastAPI; each control is its own answer.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from garrison import harden
from garrison.core.verdict import Reason, Refuse
from garrison.layers.accept import prefers_html
from garrison.layers.errors import Renderer, safe_validation
from garrison.layers.reports import parse_reports, to_event_details
from garrison.policy import Policy

pytestmark = pytest.mark.anyio

SECRET = "hunter2-<script>alert(1)</script>"
EVIL = "</script><script>alert(1)</script>"
REPORTS = b"application/reports+json"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    age: Annotated[int, Field(ge=18)]
    code: Annotated[str, Field(pattern="^[a-z]+$", max_length=8)]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    limits: dict[Annotated[str, Field(max_length=4)], int] = {}

    @field_validator("code")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "echo":
            raise ValueError(f"no such code: {SECRET}")
        return value


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/order")
    async def order(order: Order, page: int = 1) -> None: ...

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError(f"postgresql://app:{SECRET}@db/prod")

    return app


def hostile_bodies() -> list[object]:
    fine = {"age": 20, "code": "abc", "pet": {"kind": "cat"}}
    return [
        {**fine, "age": SECRET},
        {**fine, "code": SECRET},
        {**fine, "code": "echo"},
        {**fine, "pet": {"kind": SECRET}},
        {**fine, "limits": {SECRET: 1}},
        {**fine, "limits": {"abcd": SECRET}},
        {**fine, SECRET: 1},
        {"password": SECRET},
        SECRET,
        [SECRET],
    ]


async def send(app: object, method: str, url: str, **more: object) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        return await client.request(method, url, **more)  # type: ignore[arg-type]


def hardened(app: FastAPI) -> object:
    policy = Policy(preset="testing", environment="development", key="", csrf={"mode": "monitor"})
    return harden(app, policy)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))  # development keys are generated here


@pytest.mark.parametrize("body", hostile_bodies())
async def test_control_fastapi_repeats_the_input_in_its_422(body: object) -> None:
    answer = await send(application(), "POST", "/order", json=body)
    assert answer.status_code == 422
    assert "hunter2" in answer.text


@pytest.mark.parametrize("body", hostile_bodies())
async def test_a_422_behind_garrison_never_repeats_the_input(body: object) -> None:
    answer = await send(hardened(application()), "POST", "/order", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.json()["errors"]
    for part in ("hunter2", "script", "alert"):
        assert part not in answer.text


async def test_a_query_value_is_not_repeated_either() -> None:
    answer = await send(hardened(application()), "POST", "/order?page=hunter2", json=hostile_bodies()[0])
    assert {"in": "query", "field": "page", "rule": "int_parsing", "detail": "must be a whole number"} in (
        answer.json()["errors"]
    )
    assert "hunter2" not in answer.text


async def test_control_a_huge_input_comes_back_many_times() -> None:
    answer = await send(application(), "POST", "/order", json={"x": "A" * 50_000})
    assert len(answer.content) > 150_000


async def test_a_huge_input_does_not_come_back() -> None:
    answer = await send(hardened(application()), "POST", "/order", json={"x": "A" * 50_000})
    assert answer.status_code == 422
    assert len(answer.content) < 4096
    assert "AAAA" not in answer.text


def test_control_a_message_of_the_application_quotes_a_secret() -> None:
    with pytest.raises(ValueError, match="hunter2"):
        Order.model_validate({"age": 20, "code": "echo", "pet": {"kind": "cat"}})


async def test_an_unhandled_exception_leaks_nothing() -> None:
    answer = await send(hardened(application()), "GET", "/crash")
    assert answer.status_code == 500
    problem = answer.json()
    assert problem["type"] == "about:blank"
    assert problem["request_id"]
    for part in ("hunter2", "postgresql", "RuntimeError", "Traceback", ".py"):
        assert part not in answer.text


@pytest.mark.parametrize("accept", [b"text/html", b"application/json"])
def test_a_hint_or_id_that_went_wrong_can_not_become_markup(accept: bytes) -> None:
    headers, body = Renderer().render(403, reason=EVIL, accept=accept, request_id=EVIL + "\r\nX: y", hint=EVIL * 99)
    assert b"<script" not in body or dict(headers)[b"content-type"] == b"application/problem+json"
    assert b"\r\nX: y" not in body
    assert len(body) < 4096
    assert all(b"\r" not in value and b"\n" not in value for _, value in headers)


def test_control_the_same_hint_joined_into_a_page_is_markup() -> None:
    assert "<script>" in f"<p>{EVIL}</p>"


@pytest.mark.parametrize(
    "accept",
    [
        b"text/html" * 200_000,
        b"text/html," * 200_000,
        b"," * 1_000_000 + b"text/html",
        b"a/b;" + b"q=1;" * 250_000 + b",text/html",
        b"text/html;q=" + b"9" * 1_000_000,
        b"x/y;q=0.5," * 100_000 + b"text/html",
    ],
    ids=range(6),
)
def test_an_accept_header_counts_only_as_far_as_it_is_read(accept: bytes) -> None:
    assert prefers_html(accept) is prefers_html(accept[: accept.rfind(b",", 0, 512) + 1])


def test_ranges_beyond_the_thirty_second_do_not_count() -> None:
    assert prefers_html(b"a/b," * 31 + b"text/html")
    assert not prefers_html(b"a/b," * 32 + b"text/html")


@pytest.mark.parametrize("q", [b"1.1", b"-1", b"nan", b"inf", b"1e9", b"0x1", b"1.0000", b"", b"\xff", b"0,5"])
def test_a_malformed_quality_asks_for_nothing(q: bytes) -> None:
    assert not prefers_html(b"text/html;q=" + q)


def test_control_python_reads_a_quality_that_no_header_may_have() -> None:
    assert float(b"inf") > 1


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_control_deep_json_stops_the_parser_with_an_exception() -> None:
    with pytest.raises(RecursionError):
        json.loads(nested(100_000))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", nested(100_000), b'{"a":' * 40_000, b"\xff\xfe\x00", b"NaN{", b"9" * 10_000, b"[" + b"9" * 5000 + b"]"],
    ids=range(8),
)
def test_garbage_on_the_reports_endpoint_is_a_refusal_and_no_crash(body: bytes) -> None:
    found = parse_reports(REPORTS, body, 20)
    assert isinstance(found, Refuse)
    assert (found.reason, found.status) == (Reason.BODY_MALFORMED, 400)


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"[[[]]]", b"{}", b'[{"type":{}}]', b"[1e999]"])
def test_json_of_another_shape_holds_no_reports(body: bytes) -> None:
    assert parse_reports(REPORTS, body, 20) == []


def test_a_deep_validation_body_is_answered_without_its_list() -> None:
    body = b'{"detail":[{"type":"x","loc":[],"msg":"hunter2","input":' + nested(100_000)
    out = safe_validation(body, "r-1")
    assert out is not None
    assert b"hunter2" not in out


def test_control_half_a_surrogate_can_not_be_written_to_a_log() -> None:
    with pytest.raises(UnicodeEncodeError):
        json.loads('"\\ud800"').encode()


def test_text_made_for_log_viewers_arrives_clean_and_short() -> None:
    evil = "a\ud800\x1b[2J\r\nroot: logged in\u202e\x00" + "B" * 20_000
    entry = {"type": "deprecation", "url": evil, "body": {"id": evil, "message": evil, "sourceFile": evil}}
    found = parse_reports(REPORTS, json.dumps([entry]).encode(), 20)
    assert not isinstance(found, Refuse)
    for value in to_event_details(found[0]).values():
        assert isinstance(value, str)
        assert value.isprintable()
        assert len(value) <= 300
        value.encode()


def test_a_flood_in_one_body_is_cut() -> None:
    body = json.dumps([{"type": "crash", "url": "x", "body": {}}] * 3000).encode()
    found = parse_reports(REPORTS, body, 20)
    assert not isinstance(found, Refuse)
    assert len(found) == 20


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=150, deadline=None)
def test_nothing_a_client_sends_makes_these_readers_raise(noise: bytes) -> None:
    prefers_html(noise)
    parse_reports(REPORTS, noise, 20)
    parse_reports(b"application/csp-report", noise, 20)
    safe_validation(noise, "r-1")
    safe_validation(b'{"detail":[{"type":' + noise, "r-1")
    safe_validation(noise, "r-1", encoding=b"gzip")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_MARK = "zqsecretqz"


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["int_parsing", "enum", "union_tag_invalid", "extra_forbidden", "greater_than"]),
             "loc": st.lists(st.sampled_from(["body", "age", 3, "[key]"]), max_size=4), "msg": st.just(_MARK)},
            optional={"input": st.just({_MARK: _MARK}), "url": st.just(_MARK),
                      "ctx": st.dictionaries(st.sampled_from(["gt", "tag", "error", "limit"]),
                                             st.just(_MARK) | _JSON, max_size=3)},
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_message_input_url_or_context_of_a_validation_error_survives(errors: list[dict[str, object]]) -> None:
    out = safe_validation(json.dumps({"detail": errors}).encode(), "r-1")
    assert out is not None
    assert _MARK.encode() not in out
    assert len(json.loads(out)["errors"]) == len(errors)


@given(_JSON)
@settings(max_examples=150, deadline=None)
def test_reports_of_any_shape_become_plain_event_details(content: object) -> None:
    for kind, body in ((REPORTS, [{"type": "coep", "url": content, "body": content}]),
                       (b"application/csp-report", {"csp-report": content})):  # fmt: skip
        found = parse_reports(kind, json.dumps(body).encode(), 20)
        assert not isinstance(found, Refuse)
        for report in found:
            json.dumps(to_event_details(report), allow_nan=False).encode()
