"""The CSRF helper script in a real browser, under the strict CSP: whom it sends the token to, and whom not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, sync_playwright

import garrison.asgi
from tests.support.components import need

pytestmark = pytest.mark.browser

SCRIPT = Path(garrison.asgi.__file__).with_name("helper.js")
CSP = (
    "default-src 'none'; script-src 'nonce-n' 'strict-dynamic'; connect-src https://own.test https://other.test; "
    "form-action https://own.test https://other.test; base-uri 'none'; require-trusted-types-for 'script'"
)
TAG = '<script nonce="n" src="/.garrison/csrf.js"></script>'
PAGE = f"""<!doctype html>{TAG}{TAG}
<form id="post" method="post" action="/take"><input name="action"><input name="prepend"><input name="z"></form>
<form id="get" action="/take"><input name="a"></form>
<form id="away" method="post" action="https://other.test/take"><input name="a"></form>
<form id="old" method="post" action="/take"><input name="csrf_token" value="old">
<button id="stay"></button><button id="leave" formaction="https://other.test/take"></button></form>"""


def serve(route: Route) -> None:
    """Both sites: no network is touched."""
    address = route.request.url
    if address.endswith("csrf.js"):
        route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript")
    elif address == "https://own.test/":
        cookie = "__Host-csrf=TOKEN; Path=/; Secure; SameSite=Lax"
        route.fulfill(
            body=PAGE, content_type="text/html", headers={"content-security-policy": CSP, "set-cookie": cookie}
        )
    else:
        route.fulfill(body="", content_type="text/html", headers={"access-control-allow-origin": "*"})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """The page, which must not have complained about anything in the end."""
    context: BrowserContext = browser.new_context()
    context.route("**/*", serve)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("https://own.test/")
    yield page
    context.close()
    assert complaints == []


def sent(page: Page, script: str) -> Request:
    """The request that `script` makes the page send."""
    with page.expect_request("**/take*", timeout=10_000) as info:
        page.evaluate(f"() => {{ {script} }}")
    return info.value


def header(request: Request) -> str | None:
    return request.headers.get("x-csrf-token")


def fields(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.post_data or "", keep_blank_values=True)


def test_the_script_is_well_formed() -> None:
    subprocess.run([need("node"), "--check", str(SCRIPT)], check=True, timeout=30)


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/take', {method: 'post', body: 'x'})",
        "fetch(new Request('/take', {method: 'PUT', body: 'x', headers: {'x-a': '1'}}))",
        "fetch(new URL('/take', location), {method: 'DELETE'})",
        "const x = new XMLHttpRequest(); x.open('POST', '/take'); x.send('b')",
    ],
)
def test_unsafe_requests_to_our_own_origin_carry_the_token(page: Page, script: str) -> None:
    assert header(sent(page, script)) == "TOKEN"


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/take')",
        "fetch('https://other.test/take', {method: 'POST', body: 'x'})",
        "fetch('//other.test/take', {method: 'POST', body: 'x'})",
        "const x = new XMLHttpRequest(); x.open('GET', '/take'); x.send()",
        "const x = new XMLHttpRequest(); x.open('POST', 'https://other.test/take'); x.send('b')",
    ],
)
def test_safe_requests_and_other_origins_do_not(page: Page, script: str) -> None:
    assert header(sent(page, script)) is None


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/take', {method: 'POST', headers: {'X-CSRF-Token': 'mine'}})",
        "const x = new XMLHttpRequest(); x.open('POST', '/take'); x.setRequestHeader('x-csrf-token', 'mine'); x.send()",
    ],
)
def test_a_token_the_page_set_itself_stays(page: Page, script: str) -> None:
    assert header(sent(page, script)) == "mine"


@pytest.mark.parametrize("call", ["requestSubmit", "submit"])
def test_a_form_gets_the_field_first_even_when_its_fields_shadow_its_members(page: Page, call: str) -> None:
    request = sent(page, f"HTMLFormElement.prototype.{call}.call(document.getElementById('post'))")
    assert fields(request) == {"csrf_token": ["TOKEN"], "action": [""], "prepend": [""], "z": [""]}
    assert (request.post_data or "").startswith("csrf_token=TOKEN&")


def test_a_field_from_an_older_page_is_renewed(page: Page) -> None:
    assert fields(sent(page, "document.getElementById('stay').click()")) == {"csrf_token": ["TOKEN"]}


@pytest.mark.parametrize(
    "script",
    [
        "document.getElementById('get').requestSubmit()",
        "document.getElementById('away').requestSubmit()",
        "document.querySelector('#old input').value = 'TOKEN'; document.getElementById('leave').click()",
        "const f = document.getElementById('post'); f.addEventListener('submit', (e) => { e.preventDefault();"
        " f.setAttribute('action', 'https://other.test/take'); HTMLFormElement.prototype.submit.call(f) });"
        " f.requestSubmit()",
    ],
)
def test_forms_by_get_and_to_other_origins_carry_none(page: Page, script: str) -> None:
    request = sent(page, script)
    assert "TOKEN" not in request.url + (request.post_data or "")


def test_another_sites_own_field_is_left_alone(page: Page) -> None:
    assert fields(sent(page, "document.getElementById('leave').click()")) == {"csrf_token": ["old"]}


def test_it_shows_the_page_one_frozen_function(page: Page) -> None:
    assert page.evaluate("() => [garrison.csrfToken(), Object.isFrozen(garrison)]") == ["TOKEN", True]
