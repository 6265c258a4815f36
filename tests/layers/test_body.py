"""The body layer: JSON and forms that hold too much or read in two ways, each against an application without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import UploadFile
from starlette.testclient import TestClient

from garrison import Policy, harden
from garrison.core.exchange import Exchange
from garrison.core.json_guard import JsonLimits
from garrison.core.multipart import Multipart
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse
from garrison.layers import body
from garrison.layers.body import judge_urlencoded, read_json
from garrison.policy.section_body import BodySection
from garrison.testing import captured_events, testing_policy
from tests.support.facts import make_facts

SECTION = BodySection()
SMALL = BodySection(fields=3, files=2, name=20, value=50, part_headers=200)
B = b"XxBoundaryxX"
TYPE = "multipart/form-data; boundary=" + B.decode()
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OFF = {"mode": "off", "allow_insecure_off": "the control of a test"}


def part(head: bytes = b'Content-Disposition: form-data; name="a"', content: bytes = b"1") -> bytes:
    return b"--" + B + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


END = b"--" + B + b"--\r\n"
DISPOSITION = b'Content-Disposition: form-data; name="a"'

MULTIPART_ATTACKS: dict[str, tuple[bytes, str]] = {
    "text before the first boundary": (b"hidden\r\n" + part() + END, "preamble"),
    "text behind the last boundary": (part() + END + part(), "epilogue"),
    "a boundary between line feeds alone": (
        part(content=b"1\n--" + B + b"\n" + DISPOSITION + b"\n\n2") + END, "boundary"),
    "a boundary behind a carriage return alone": (part(content=b"1\r--" + B + b"\r2") + END, "boundary"),
    "a boundary with something behind it": (part(content=b"1\r\n--" + B + b"x\r\n2") + END, "boundary"),
    "a boundary with blanks behind it": (part(content=b"1\r\n--" + B + b" \r\n2") + END, "boundary"),
    "a boundary right behind the headers": (b"--" + B + b"\r\n" + DISPOSITION + b"\r\n\r\n" + END, "boundary"),
    "a form without an end": (part(), "unterminated"),
    "a part cut off": (part()[:-12], "unterminated"),
    "a folded header line": (part(b'Content-Disposition: form-data;\r\n name="a"') + END, "part-headers"),
    "a header line twice": (part(DISPOSITION + b"\r\n" + DISPOSITION) + END, "part-headers"),
    "a header line with a line feed inside": (part(DISPOSITION + b"\nX: y") + END, "part-headers"),
    "a header line with NUL": (part(b'Content-Disposition: form-data; name="a\x00"') + END, "part-headers"),
    "a header line without a colon": (part(DISPOSITION + b"\r\nX") + END, "part-headers"),
    "header lines without end": (b"--" + B + b"\r\nX: " + b"y" * 5000, "part-headers"),
    "many header lines": (part(DISPOSITION + b"".join(b"\r\nX%d: y" % n for n in range(9))) + END, "part-headers"),
    "no disposition": (part(b"Content-Type: text/plain") + END, "disposition"),
    "another disposition": (part(b'Content-Disposition: attachment; name="a"') + END, "disposition"),
    "no name": (part(b"Content-Disposition: form-data") + END, "disposition"),
    "two names": (part(DISPOSITION + b'; name="b"') + END, "disposition"),
    "two file names": (part(DISPOSITION + b'; filename="a"; filename="b"') + END, "disposition"),
    "a second file name in another encoding": (
        part(DISPOSITION + b"; filename=\"a.txt\"; filename*=UTF-8''a.php") + END, "disposition"),
    "an unfinished quote": (part(b'Content-Disposition: form-data; name="a') + END, "disposition"),
    "a name that is no UTF-8": (part(b'Content-Disposition: form-data; name="\xff"') + END, "disposition"),
    "base64": (part(DISPOSITION + b"\r\nContent-Transfer-Encoding: base64") + END, "transfer-encoding"),
    "a long name": (part(b'Content-Disposition: form-data; name="' + b"a" * 201 + b'"') + END, "name"),
    "many fields": (part() * 1001 + END, "fields"),
    "many files": (part(DISPOSITION + b'; filename="a"') * 51 + END, "files"),
    "a long value": (part(content=b"x" * (1024**2 + 1)) + END, "value"),
}  # fmt: skip
MULTIPART_BENIGN: dict[str, bytes] = {
    "a field": part() + END,
    "without the last line feed": part() + END[:-2],
    "an empty field": part(content=b"") + END,
    "no file chosen": part(DISPOSITION + b'; filename=""\r\nContent-Type: application/octet-stream', b"") + END,
    "text with boundaries in it": part(content=b"see --" + B + b" and -- and \r\n-- there\r\n\r\n") + END,
    "O'Brien and a quote": part(b'Content-Disposition: form-data; name="O\'Brien \\"x\\" %22"') + END,
    "many languages": part('Content-Disposition: form-data; name="имя"; filename="日本語 – naïve 👩‍🚀.txt"'.encode())
    + END,
    "SQL and code": part(content=b"SELECT * FROM notes; -- \n--\n<script>alert(1)</script> {{7*7}} \x00\xff") + END,
    "a type with a charset": part(DISPOSITION + b"\r\nContent-Type: text/plain; charset=utf-8") + END,
    "a file of bytes": part(DISPOSITION + b'; filename="a.bin"', bytes(range(256)) * 300) + END,
    "an unquoted name": part(b"content-disposition: form-data; name=a") + END,
    "nothing": END,
}
URLENCODED_ATTACKS: dict[str, tuple[bytes, str]] = {
    "many fields": (b"a=1&" * 1001, "fields"),
    "many empty fields": (b"&" * 100_000, "fields"),
    "a long name": (b"a" * 201 + b"=1", "name"),
    "a long value": (b"a=" + b"%41" * 1024**2 + b"x", "value"),
    "NUL": (b"a=1%00", "nul"),
    "no UTF-8": (b"a=%ff", "utf-8"),
    "overlong UTF-8": (b"a=%c0%af", "utf-8"),
    "raw bytes": (b"a=\xe9", "utf-8"),
}
TEXTS = [
    "O'Brien",
    "李小龍",
    "Ça va ? 100 %",
    "привет, мир",
    "שלום",
    "👩‍🚀",
    "SELECT * FROM t; --",
    "a=b&c=d",
    "x\r\ny",
    "",
]


def _feed(data: bytes, section: BodySection = SECTION, size: int = 0, *, length: bool = True) -> str:
    form = Multipart(B, section, len(data) if length else None)
    size = size or len(data) or 1
    return next(filter(None, (form.feed(data[at : at + size]) for at in range(0, len(data), size))), "")


@pytest.mark.parametrize(("data", "why"), MULTIPART_ATTACKS.values(), ids=MULTIPART_ATTACKS)
def test_a_multipart_form_that_holds_too_much_or_reads_in_two_ways_is_refused(data: bytes, why: str) -> None:
    assert _feed(data) == why
    assert _feed(data, size=1000 if len(data) > 5000 else 1) == why


@pytest.mark.parametrize("data", MULTIPART_BENIGN.values(), ids=MULTIPART_BENIGN)
@pytest.mark.parametrize("size", [0, 1, 7, 13])
@pytest.mark.parametrize("length", [True, False])
def test_what_browsers_and_clients_send_passes_however_it_is_cut(data: bytes, size: int, length: bool) -> None:
    assert _feed(data, size=size, length=length) == ""


@pytest.mark.parametrize("text", TEXTS)
def test_what_httpx_makes_of_any_text_passes(text: str) -> None:
    sent = httpx.Request("POST", "https://a.example", data={text or "n": text}, files={"f": (text or "f", b"x" * 99)})
    content, kind = sent.read(), sent.headers["content-type"]
    form = Multipart(kind.partition("boundary=")[2].encode(), SECTION, len(content))
    assert form.feed(content) == ""


PIECES = st.lists(
    st.sampled_from([
        b"--" + B, b"--", b"\r\n", b"\n", b"\r", B, b'Content-Disposition: form-data; name="a"', b"; filename=b", b"x",
        b"\r\n\r\n", b"--" + B + b"--", b" ", b":", b'"', b"\\",
    ])
).map(b"".join)  # fmt: skip


@given(PIECES, st.integers(1, 40))
@settings(max_examples=600)
def test_how_a_form_is_cut_into_chunks_changes_nothing(data: bytes, size: int) -> None:
    # Of two faults, which is met first may depend on the cut.
    assert bool(_feed(data, SMALL, size)) == bool(_feed(data, SMALL))


@given(st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=40)), max_size=3), st.integers(1, 60))
@settings(max_examples=200)
def test_any_content_passes_that_holds_no_line_beginning_with_the_boundary(
    fields: list[tuple[str, bytes]], size: int
) -> None:
    head = b'Content-Disposition: form-data; name="a"'
    data = b"".join(part(head, content) for _, content in fields if B not in content) + END
    assert _feed(data, SMALL, size) == ""


@pytest.mark.parametrize(("data", "why"), URLENCODED_ATTACKS.values(), ids=URLENCODED_ATTACKS)
def test_an_urlencoded_form_that_holds_too_much_or_is_mended_differently_is_refused(data: bytes, why: str) -> None:
    assert judge_urlencoded(data, SECTION) == why


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@given(st.dictionaries(_TEXT, _TEXT, max_size=9))
@settings(max_examples=150)
def test_any_text_that_is_encoded_as_browsers_do_passes(fields: dict[str, str]) -> None:
    assert judge_urlencoded(urlencode(fields).encode(), SECTION) == ""


def test_a_lone_percent_sign_and_names_that_come_twice_pass() -> None:
    assert judge_urlencoded(b"discount=100%&tag=a&tag=b&empty=&flag", SECTION) == ""


def test_header_lines_of_just_the_allowed_length_pass_however_they_are_cut() -> None:
    head = DISPOSITION + b"\r\nX: "
    head += b"y" * (SECTION.part_headers - len(head))
    for size in (0, 1, 4099):
        assert _feed(part(head) + END, size=size) == ""
        assert _feed(part(head + b"y") + END, size=size) == "part-headers"


def test_an_empty_body_is_no_document_and_passes() -> None:
    assert read_json(b"", True, JsonLimits()) == (None, None)


def _app(policy: Policy) -> tuple[FastAPI, Any]:
    app = FastAPI()
    app.state.seen = []

    @app.post("/json")
    async def json(request: Request) -> int:
        app.state.seen.append(await request.json())
        return 1

    @app.post("/form")
    async def form(request: Request) -> int:
        fields = await request.form(max_fields=10_000, max_files=10_000, max_part_size=10 * 1024**2)
        read = [(name, await v.read() if isinstance(v, UploadFile) else v) for name, v in fields.multi_items()]
        app.state.seen.append(read)
        return len(read)

    return app, harden(app, policy)


ATTACKS: list[tuple[str, str, bytes, int]] = [
    ("/json", JSON, b'{"role":"user","role":"admin"}', 400),
    ("/json", "application/vnd.api+json", b"[NaN]", 400),
    ("/json", JSON, b"[" * 500 + b"]" * 500, 400),
    ("/json", JSON, b"[" + b"1," * 30_000 + b"1]", 413),
    ("/form", FORM, b"a=1&" * 1500, 413),
    ("/form", FORM, b"a=1%00.php", 400),
    ("/form", TYPE, b"".join([part()] * 1500) + END, 413),
    ("/form", TYPE, part(DISPOSITION + b"; filename=\"a.txt\"; filename*=UTF-8''a.php") + END, 400),
    ("/form", TYPE, part(content=b"1\n--" + B + b"\n" + DISPOSITION + b"\n\n2") + END, 400),
]


@pytest.mark.parametrize(("path", "kind", "data", "status"), ATTACKS)
def test_the_attack_reaches_the_application_without_the_layer_and_is_refused_and_recorded_with_it(
    path: str, kind: str, data: bytes, status: int
) -> None:
    bare, hardened = _app(testing_policy(body=OFF, csrf=OFF))
    with TestClient(hardened, base_url="https://testserver") as client:
        assert client.post(path, content=data, headers={"content-type": kind}).status_code == 200
    assert bare.state.seen
    app, hardened = _app(testing_policy(csrf=OFF))
    with captured_events(hardened) as events, TestClient(hardened, base_url="https://testserver") as client:
        answer = client.post(path, content=data, headers={"content-type": kind, "accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert app.state.seen == []
    assert [event.layer for event in events if event.status == status] == ["body"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_application_gets_what_was_sent(text: str) -> None:
    app, hardened = _app(testing_policy(csrf=OFF))
    with TestClient(hardened, base_url="https://testserver") as client:
        assert client.post("/json", json={"n": text}).status_code == 200
        assert client.post("/form", data={"n": text}).status_code == 200
        sent = client.post("/form", data={"n": text}, files={"f": ("x.bin", bytes(range(256)) * 999)})
        assert sent.status_code == 200
    assert app.state.seen == [{"n": text}, [("n", text)], [("n", text), ("f", bytes(range(256)) * 999)]]


def test_monitor_records_and_lets_through() -> None:
    app, hardened = _app(testing_policy(csrf=OFF, body={"mode": "monitor"}))
    with captured_events(hardened) as events, TestClient(hardened, base_url="https://testserver") as client:
        for path, kind, data, _ in ATTACKS:
            assert client.post(path, content=data, headers={"content-type": kind}).status_code == 200
    assert len(app.state.seen) == len(ATTACKS)
    assert sum(event.layer == "body" for event in events) == len(ATTACKS)


def test_a_route_class_has_bounds_of_its_own() -> None:
    routes = [{"name": "import", "paths": ["/json"], "body": {"values": 50_000}}]
    _, hardened = _app(testing_policy(csrf=OFF, routes=routes))
    with TestClient(hardened, base_url="https://testserver") as client:
        assert client.post("/json", content=ATTACKS[3][2], headers={"content-type": JSON}).status_code == 200


def test_a_body_in_chunks_is_judged_when_it_is_whole() -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b'{"role":1,', b'"ro', b'le":2}')

    _, hardened = _app(testing_policy(csrf=OFF))
    with TestClient(hardened, base_url="https://testserver") as client:
        assert client.post("/json", content=chunks(), headers={"content-type": JSON}).status_code == 400


def test_multipart_that_is_compressed_or_has_no_sane_boundary_is_refused() -> None:
    layer = body.compile(Policy(hosts=("a.example",)), Services())
    assert layer.watch is not None
    for headers, reason in (
        (((b"content-type", TYPE.encode()), (b"content-encoding", b"gzip")), Reason.ENCODING_UNSUPPORTED),
        (((b"content-type", b"multipart/form-data"),), Reason.BODY_MALFORMED),
    ):
        facts = make_facts(method="POST", headers=headers)
        check = layer.watch(facts, Exchange(facts, Services()))
        assert check is not None
        refusal = check(b"x")
        assert isinstance(refusal, Refuse)
        assert refusal.reason is reason
