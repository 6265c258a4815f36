"""Pages of other origins against a logged-in visitor, in Chromium.

The rule: OWASP CSRF Prevention Cheat Sheet, and CWE-352, CWE-1385 (WebSocket), CWE-346. The attacker's page stands on
another host (cross-site) or on another port of the same host (same-site, where SameSite cookies protect nobody). Each
attack succeeds against the same application without Garrison: that is the control.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.conftest import Serve
from tests.browser.forum import Forum
from tests.browser.serving import Site, Written, eventually, guard

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PLACES = ("same-site", "cross-site")

FORM = """([url, type]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: url + "/post", enctype: type });
  const field = document.createElement("input");
  [field.name, field.value] = type === "text/plain" ? ['{"text": "spam", "rest": "', '"}'] : ["text", "spam"];
  form.append(field);
  document.body.append(form);
  form.submit();
}"""
SIMPLE_FETCH = """(url) => fetch(url + "/post", {
  method: "POST", credentials: "include", mode: "no-cors", body: JSON.stringify({ text: "spam" }),
}).then(() => "sent", () => "failed")"""
JSON_FETCH = """(url) => fetch(url + "/post", {
  method: "PUT", credentials: "include", headers: { "content-type": "application/json" },
  body: JSON.stringify({ text: "spam" }),
}).then(() => "sent", () => "failed")"""
UPLOAD = """(url) => {
  const form = new FormData();
  form.append("text", "spam");
  return fetch(url + "/post", { method: "POST", credentials: "include", mode: "no-cors", body: form })
    .then(() => "sent", () => "failed");
}"""
BEACON = """(url) => String(navigator.sendBeacon(url + "/post", JSON.stringify({ text: "spam" })))"""
READ = """(url) => fetch(url + "/me", { credentials: "include" }).then((answer) => answer.text(), () => "failed")"""
SOCKET = """(url) => new Promise((done) => {
  const socket = new WebSocket(url.replace("https", "wss") + "/live");
  socket.onmessage = (event) => done(event.data);
  socket.onerror = () => done("failed");
})"""
LOGIN = """(url) => {
  document.body.innerHTML = `<form method="post" action="${url}/login"><input name="user" value="mallory"></form>`;
  document.forms[0].submit();
}"""


@dataclass(frozen=True, slots=True)
class Target:
    """A forum and where it is. The two targets have different hosts, since cookies don't know ports."""

    forum: Forum
    url: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A forum without and one with Garrison, an attacker's server, and the victim's browser."""

    bare: Target
    guarded: Target
    events: Written
    attacker: Site
    visitor: BrowserContext

    def log_in(self, target: Target) -> None:
        page = self.visitor.new_page()
        page.goto(target.url)
        page.locator("#login input[name=user]").fill("ann")
        page.locator("#login button").click()
        assert page.locator("#user").inner_text() == "ann"
        page.close()

    def lure(self, place: str, target: Target) -> Page:
        """The victim opens the attacker's page: another port of the target's host, or another host."""
        host = urlsplit(target.url).hostname or ""
        page = self.visitor.new_page()
        page.goto(self.attacker.at(host if place == "same-site" else "evil.localhost"))
        return page


async def bait(request: Request) -> Response:
    return HTMLResponse("<!doctype html><title>Kittens</title><link rel=icon href='data:,'><body>")


def attacker_site() -> Starlette:
    """An empty page for the test to fill."""
    return Starlette(routes=[Route("/", bait)])


@pytest.fixture
def scene(serve: Serve, lenient_visitor: BrowserContext, folder: Path) -> Scene:
    bare, guarded = Forum(), Forum()
    app, events = guard(guarded.app, folder)
    attacker = serve(attacker_site())
    targets = Target(bare, serve(bare.app).at("app.localhost")), Target(guarded, serve(app).at("localhost"))
    return Scene(*targets, events, attacker, lenient_visitor)


@pytest.fixture
def logged_in(scene: Scene) -> Scene:
    for target in (scene.bare, scene.guarded):
        scene.log_in(target)
        target.forum.happened.clear()
    return scene


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("enctype", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_a_form_of_another_origin_changes_nothing(logged_in: Scene, place: str, enctype: str) -> None:
    scene = logged_in
    page = scene.lure(place, scene.guarded)

    with page.expect_navigation():
        page.evaluate(FORM, [scene.guarded.url, enctype])
    assert scene.events.wait(path="/post", method="POST")["status"] in (403, 415)
    assert scene.guarded.forum.happened == []

    page = scene.lure(place, scene.bare)
    with page.expect_navigation():
        page.evaluate(FORM, [scene.bare.url, enctype])
    assert [(action, user) for action, user, _ in eventually(lambda: scene.bare.forum.happened)] == [("post", "ann")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "attack", [SIMPLE_FETCH, JSON_FETCH, UPLOAD, BEACON], ids=["simple", "json", "upload", "beacon"]
)
def test_a_script_of_another_origin_changes_nothing(logged_in: Scene, place: str, attack: str) -> None:
    scene = logged_in
    page = scene.lure(place, scene.guarded)

    page.evaluate(attack, scene.guarded.url)
    assert scene.events.wait(path="/post", outcome="refused")["status"] in (403, 415)
    assert scene.guarded.forum.happened == []

    scene.lure(place, scene.bare).evaluate(attack, scene.bare.url)
    assert eventually(lambda: scene.bare.forum.happened) == [("post", "ann", "spam")]  # control


@pytest.mark.parametrize("place", PLACES)
def test_a_script_of_another_origin_reads_nothing(logged_in: Scene, place: str) -> None:
    guarded, bare = logged_in.guarded, logged_in.bare

    assert logged_in.lure(place, guarded).evaluate(READ, guarded.url) == "failed"
    assert logged_in.lure(place, bare).evaluate(READ, bare.url) == '{"user":"ann"}'  # control


@pytest.mark.parametrize("place", PLACES)
def test_a_script_of_another_origin_opens_no_websocket(logged_in: Scene, place: str) -> None:
    scene = logged_in
    page = scene.lure(place, scene.guarded)

    assert page.evaluate(SOCKET, scene.guarded.url) == "failed"
    assert scene.events.wait(path="/live", kind="websocket")["layer"] == "origin"
    assert scene.guarded.forum.happened == []
    assert scene.lure(place, scene.bare).evaluate(SOCKET, scene.bare.url) == "private news for ann"  # control
    own = scene.visitor.new_page()
    own.goto(scene.guarded.url)
    assert own.evaluate(SOCKET, scene.guarded.url) == "private news for ann"  # control: our own page may


@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_logged_in_to_another_s_account(scene: Scene, place: str) -> None:
    page = scene.lure(place, scene.guarded)

    with page.expect_navigation():
        page.evaluate(LOGIN, scene.guarded.url)
    assert scene.events.wait(path="/login")["reason"] == "cross-site"
    assert scene.guarded.forum.happened == []

    page = scene.lure(place, scene.bare)
    with page.expect_navigation():
        page.evaluate(LOGIN, scene.bare.url)
    assert scene.bare.forum.happened == [("login", "mallory", "")]  # control


def test_no_other_origin_frames_the_page_or_keeps_a_hold_of_its_window(logged_in: Scene) -> None:
    def frame(target: Target) -> str:
        page = logged_in.lure("cross-site", target)
        page.evaluate("(url) => { document.body.innerHTML = `<iframe src=${url}></iframe>` }", target.url)
        page.wait_for_load_state("networkidle")
        return "forum" if page.frames[1].locator("#user").count() else "empty"

    def opened(target: Target) -> bool:
        page = logged_in.lure("cross-site", target)
        with page.expect_popup() as popup:
            page.evaluate("(url) => { window.opened = open(url) }", target.url)
        popup.value.wait_for_load_state()
        return not page.evaluate("() => window.opened.closed")

    assert (frame(logged_in.guarded), opened(logged_in.guarded)) == ("empty", False)
    assert (frame(logged_in.bare), opened(logged_in.bare)) == ("forum", True)  # control


@pytest.mark.parametrize("place", PLACES)
def test_the_token_alone_stops_a_form_where_the_origin_check_is_off(
    serve: Serve, lenient_visitor: BrowserContext, folder: Path, place: str
) -> None:
    forum, bare = Forum(), Forum()
    why = "a browser of before 2020 tells nothing of where a request comes from"
    app, events = guard(forum.app, folder, origin={"mode": "off", "allow_insecure_off": why})
    attacker = serve(attacker_site())
    target = Target(forum, serve(app).at("localhost"))
    scene = Scene(Target(bare, target.url), target, events, attacker, lenient_visitor)
    scene.log_in(target)
    forum.happened.clear()

    page = scene.lure(place, target)
    with page.expect_navigation():
        page.evaluate(FORM, [target.url, "application/x-www-form-urlencoded"])

    assert events.wait(path="/post")["reason"] == "csrf-missing"
    assert forum.happened == []
