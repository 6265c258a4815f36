"""nicegui behind the preset `compat` with the one source its templates need: WebSocket, table, chart and upload."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.browser.looks import difference
from tests.browser.watching import Watch, settle
from tests.thirdparty.conftest import Launch

pytestmark = [pytest.mark.browser, pytest.mark.thirdparty, pytest.mark.xdist_group("browser")]

EVAL: dict[str, Any] = {"csp": {"directives": {"script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"]}}}
"""Its pages are Vue templates that the browser compiles."""


def file(size: int) -> FilePayload:
    return {"name": "plants.txt", "mimeType": "text/plain", "buffer": b"x" * size}


def use(page: Page, url: str) -> bytes:
    """Click, type and upload; every step's answer comes back over the WebSocket. The picture afterwards."""
    page.goto(url)
    page.get_by_role("button", name="Click").click()
    expect(page.get_by_text("clicked 1 times")).to_be_visible()
    page.get_by_label("Name").fill("Ann")
    expect(page.get_by_text("hello Ann")).to_be_visible()
    page.get_by_role("columnheader", name="height").click()
    page.get_by_role("columnheader", name="height").click()
    expect(page.locator("tbody tr").first).to_contain_text("plant 4")
    page.locator("input[type=file]").set_input_files(file(3000))
    expect(page.get_by_text("plants.txt: 3000 bytes")).to_be_visible()
    settle(page)
    page.mouse.move(0, 0)
    return page.screenshot(full_page=True, animations="disabled", caret="hide")


def test_every_step_works_and_looks_the_same(launch: Launch, visitor: BrowserContext, watch: Watch) -> None:
    page = visitor.new_page()
    picture = use(page, launch("nicegui").site.url)
    complaints = list(watch.complaints)
    watch.clear()

    guarded = use(page, launch("nicegui", EVAL).site.url)

    assert watch.complaints == complaints
    assert difference(visitor, picture, guarded) < 0.005


def test_without_that_source_the_page_stays_empty_and_the_violation_is_reported(
    launch: Launch, visitor: BrowserContext, watch: Watch
) -> None:
    running, page = launch("nicegui", {}), visitor.new_page()

    page.goto(running.site.url)
    settle(page)

    assert [text for text in watch.violations if text.startswith("script-src blocked eval")]
    event = running.events.wait(name="browser_report")
    assert (event["details"]["rule"], event["details"]["blocked"]) == ("script-src", "eval")


def test_its_uploads_and_its_messages_are_held_to_the_limits(launch: Launch, visitor: BrowserContext) -> None:
    limits = {**EVAL, "size": {"body": "20 kB"}, "websocket": {"message": "2 kB"}}
    running, page = launch("nicegui", limits), visitor.new_page()
    page.goto(running.site.url)
    page.get_by_label("Name").fill("Ann")
    expect(page.get_by_text("hello Ann")).to_be_visible()  # control: within the limits all is well

    page.locator("input[type=file]").set_input_files(file(50_000))
    assert running.events.wait(reason="body-too-large")["status"] == 413
    expect(page.get_by_text("nothing uploaded")).to_be_visible()

    page.get_by_label("Name").fill("A" * 5000)
    event = running.events.wait(reason="message-too-large")
    assert event["kind"] == "websocket"
    expect(page.get_by_text("hello AAAA")).not_to_be_visible()


def test_a_page_of_another_site_can_not_open_its_websocket(launch: Launch, visitor: BrowserContext) -> None:
    bare, guarded, page = launch("nicegui"), launch("nicegui", EVAL), visitor.new_page()
    page.goto(
        bare.site.at("127.0.0.1")
    )  # another host: another site. Chromium sends Origin here, but no Sec-Fetch-Site
    connect = """(url) => new Promise((done) => {
        const socket = new WebSocket(url + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket");
        socket.onmessage = () => done("talks");
        socket.onerror = () => done("refused");
    })"""

    assert page.evaluate(connect, guarded.site.url.replace("https", "wss")) == "refused"
    # Chromium sends no Sec-Fetch-Site with a WebSocket handshake: the whole origin decides
    assert guarded.events.wait(reason="origin-unknown", kind="websocket")["path"] == "/_nicegui_ws/socket.io/"
    assert page.evaluate(connect, bare.site.url.replace("https", "wss")) == "talks"  # control
