"""Who may read answers from another origin, in Chromium: exactly the configured one (Fetch standard, CORS protocol)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Serve
from tests.browser.forum import Forum
from tests.browser.serving import Site, Written, guard
from tests.browser.test_cross_site import attacker_site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

READ = """(url) => fetch(url, { credentials: "include" }).then((answer) => answer.text(), () => "failed")"""
SANDBOXED = """(url) => new Promise((done) => {
  addEventListener("message", (event) => done(event.data));
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.srcdoc = `<script>fetch("${url}", { credentials: "include" })
    .then((answer) => answer.text(), () => "failed").then((text) => parent.postMessage(text, "*"))</` + "script>";
  document.body.append(frame);
})"""


@dataclass(frozen=True, slots=True)
class Stage:
    """An API that lets the front end's origin read, the same API without Garrison, and the visitor."""

    api: Site
    bare: Site
    front: Site
    other_port: Site
    forum: Forum
    events: Written
    visitor: BrowserContext

    def page(self, address: str) -> Page:
        page = self.visitor.new_page()
        page.goto(address)
        return page


@pytest.fixture
def stage(serve: Serve, lenient_visitor: BrowserContext, folder: Path) -> Stage:
    pages = attacker_site()
    front, other_port = serve(pages), serve(pages)
    forum, bare = Forum(), Forum()
    app, events = guard(
        forum.app,
        folder,
        cors={"origins": [front.at("app.localhost")], "credentials": True},
        routes=[{"name": "scarce", "paths": ["/search"], "rate": {"address": ["2/hour"]}}],
    )
    forum.sessions["known"] = bare.sessions["known"] = "ann"
    stage = Stage(serve(app), serve(bare.app), front, other_port, forum, events, lenient_visitor)
    lenient_visitor.add_cookies(  # for both: cookies don't know ports
        [{"name": "sid", "value": "known", "url": stage.api.url, "sameSite": "None", "secure": True}]
    )
    return stage


def test_the_configured_origin_reads_and_others_do_not(stage: Stage) -> None:
    strangers = {
        "another site": stage.front.at("evil.localhost"),
        "a name that ends alike": stage.front.at("evilapp.localhost"),
        "a name that begins alike": stage.front.at("app.localhost.evil.localhost"),
        "a host below": stage.front.at("sub.app.localhost"),
        "another port": stage.other_port.at("app.localhost"),
        "the API's own host": stage.front.at("localhost"),
    }
    target = stage.api.url + "/me"

    assert stage.page(stage.front.at("app.localhost")).evaluate(READ, target) == '{"user":"ann"}'
    for name, origin in strangers.items():
        page = stage.page(origin)
        assert page.evaluate(READ, target) == "failed", name
        assert page.evaluate(READ, stage.bare.url + "/me") == '{"user":"ann"}', name  # control


def test_the_null_origin_of_a_sandboxed_frame_reads_nothing(stage: Stage) -> None:
    page = stage.page(stage.front.at("app.localhost"))  # even on a page whose own origin may

    assert page.evaluate(SANDBOXED, stage.api.url + "/me") == "failed"
    page = stage.page(stage.front.at("app.localhost"))
    assert page.evaluate(SANDBOXED, stage.bare.url + "/me") == '{"user":"ann"}'  # control


def test_a_preflight_is_granted_to_the_configured_origin_alone(stage: Stage) -> None:
    send = """(url) => fetch(url, {
      method: "PUT", headers: { authorization: "Bearer x", "content-type": "application/json" }, body: "{}",
    }).then((answer) => String(answer.status), () => "failed")"""

    assert stage.page(stage.front.at("app.localhost")).evaluate(send, stage.api.url + "/post") == "401"
    assert stage.page(stage.front.at("evil.localhost")).evaluate(send, stage.api.url + "/post") == "failed"
    assert stage.events.wait(reason="cors-origin")["method"] == "OPTIONS"
    assert stage.page(stage.front.at("evil.localhost")).evaluate(send, stage.bare.url + "/post") == "401"  # control


def test_limits_and_the_429_itself_are_readable_by_the_front_end(stage: Stage) -> None:
    ask = """(url) => fetch(url).then(async (answer) => ({
      status: answer.status,
      limit: answer.headers.get("ratelimit"),
      policy: answer.headers.get("ratelimit-policy"),
      wait: answer.headers.get("retry-after"),
      hidden: answer.headers.get("permissions-policy"),
      body: answer.status === 429 ? await answer.json() : null,
    }))"""
    page = stage.page(stage.front.at("app.localhost"))

    answers = [page.evaluate(ask, stage.api.url + "/search") for _ in range(3)]

    assert [answer["status"] for answer in answers] == [200, 200, 429]
    assert all("r=" in answer["limit"] and "q=2" in answer["policy"] for answer in answers)
    assert int(answers[2]["wait"]) > 0
    assert answers[2]["body"]["status"] == 429
    assert all(answer["hidden"] is None for answer in answers)  # sent, but not exposed
