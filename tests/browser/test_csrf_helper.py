"""The CSRF helper script on a real server under the strict policy: our own requests pass, and nobody else learns the
token. (What it does with odd forms and odd arguments: tests/asgi/test_helper.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.browser.conftest import Serve
from tests.browser.serving import Written, guard
from tests.browser.watching import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FETCH = """() => fetch("/take", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })
  .then((answer) => answer.status)"""
REQUEST = """() => fetch(new Request("/take", { method: "PUT", body: new URLSearchParams("a=b") }))
  .then((answer) => answer.status)"""
XHR = """() => new Promise((done) => {
  const call = new XMLHttpRequest();
  call.open("DELETE", "/take");
  call.onload = () => done(call.status);
  call.send();
})"""
FORM = """(click) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "/take" });
  form.append(document.createElement("button"));
  document.body.append(form);
  if (click) form.querySelector("button").click(); else form.submit();
}"""
UPLOAD = """() => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "/take", enctype: "multipart/form-data" });
  const files = document.createElement("input");
  Object.assign(files, { type: "file", name: "file" });
  const box = new DataTransfer();
  box.items.add(new File(["x".repeat(100000)], "big.txt"));
  files.files = box.files;
  form.append(files);
  document.body.append(form);
  form.requestSubmit();
}"""
ABROAD = """async (url) => {
  await fetch(url + "/fetch", { method: "POST", mode: "no-cors", body: "x" }).catch(() => 0);
  await new Promise((done) => {
    const call = new XMLHttpRequest();
    call.open("POST", url + "/xhr");
    call.onloadend = done;
    call.send("x");
  });
}"""


class Heard:
    """A server that notes what it is sent, whoever sends it."""

    def __init__(self, html: str = "") -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.html = html
        methods = ["POST", "PUT", "DELETE"]
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/favicon.ico", lambda request: Response(status_code=204)),  # what browsers ask for by themselves
                Route("/{name}", self.take, methods=methods),
            ]
        )

    async def page(self, request: Request) -> Response:
        nonce = request.state.garrison.nonce
        answer = HTMLResponse(self.html.replace("NONCE", nonce))
        answer.set_cookie("session", "anybody", secure=True)
        return answer

    async def take(self, request: Request) -> Response:
        self.requests.append((request.path_params["name"], dict(request.headers), await request.body()))
        return JSONResponse("taken", headers={"access-control-allow-origin": "*"})


WITH_HELPER = '<!doctype html><link rel=icon href="data:,"><script src="/.garrison/csrf.js" nonce="NONCE"></script>'
WITHOUT = '<!doctype html><link rel=icon href="data:,">'


def open_page(serve: Serve, visitor: BrowserContext, folder: Path, html: str, **policy: object) -> tuple[Page, Written]:
    """A page of a visitor who has a cookie of the application, so that tokens are asked for."""
    app, events = guard(Heard(html).app, folder, **policy)
    page, url = visitor.new_page(), serve(app).url
    page.goto(url)
    page.goto(url)  # with the cookie: now the page brings a token
    return page, events


@pytest.mark.parametrize("call", [FETCH, REQUEST, XHR], ids=["fetch", "request", "xhr"])
def test_a_script_s_request_carries_the_token(
    serve: Serve, visitor: BrowserContext, watch: Watch, folder: Path, call: str
) -> None:
    page, _ = open_page(serve, visitor, folder / "with", WITH_HELPER)
    assert page.evaluate(call) == 200
    assert watch.complaints == []

    page, events = open_page(serve, visitor, folder / "without", WITHOUT)
    assert page.evaluate(call) == 403  # control
    assert events.wait(path="/take")["reason"] == "csrf-missing"


@pytest.mark.parametrize("click", [True, False], ids=["click", "submit"])
def test_a_form_made_by_a_script_carries_the_token(
    serve: Serve, visitor: BrowserContext, watch: Watch, folder: Path, click: bool
) -> None:
    def send(html: str, name: str) -> int:
        page, _ = open_page(serve, visitor, folder / name, html)
        with page.expect_navigation() as navigation:
            page.evaluate(FORM, click)
        assert navigation.value is not None
        return navigation.value.status

    assert send(WITH_HELPER, "with") == 200
    assert watch.complaints == []
    assert send(WITHOUT, "without") == 403  # control


def test_a_form_with_a_large_file_carries_the_token_in_front_of_it(
    serve: Serve, visitor: BrowserContext, watch: Watch, folder: Path
) -> None:
    page, _ = open_page(serve, visitor, folder, WITH_HELPER)
    with page.expect_navigation() as navigation:
        page.evaluate(UPLOAD)
    assert navigation.value is not None
    assert navigation.value.status == 200
    assert watch.complaints == []


def test_another_origin_is_never_told_the_token(serve: Serve, visitor: BrowserContext, folder: Path) -> None:
    abroad = Heard()
    url = serve(abroad.app).at("evil.localhost")
    page, _ = open_page(
        serve, visitor, folder, WITH_HELPER, csp={"directives": {"connect-src": ["'self'", url], "form-action": [url]}}
    )
    token = page.evaluate("() => garrison.csrfToken()")
    assert len(token) > 20

    page.evaluate(ABROAD, url)
    with page.expect_navigation():
        page.evaluate(FORM.replace('"/take"', f'"{url}/form"'), True)

    assert {name for name, _, _ in abroad.requests} == {"fetch", "xhr", "form"}
    assert token not in str(abroad.requests)
