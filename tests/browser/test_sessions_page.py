"""Back-off and the page of sessions in Chromium: the log-in form says when to try again, and one browser signs out all.

With `PICTURES=docs/images` both pages are photographed for the documentation.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from examples.notes import Settings
from examples.notes.app import create_app, default_policy
from garrison import harden
from garrison.testing import FrozenClock
from tests.browser.conftest import TIMEOUT, Serve
from tests.browser.serving import Site
from tests.browser.test_notes import log_in, sign_up
from tests.browser.test_second_factor import picture
from tests.browser.watching import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def frozen() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def notes(serve: Serve, tmp_path: Path, frozen: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("GARRISON_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")
    settings = Settings(environment="development", data=tmp_path / "data", allow_insecure_fast_hash=True)
    return serve(harden(create_app(settings), default_policy(settings), clock=frozen.clock))


def guess(page: Page, password: str) -> str:
    """What the log-in page says to a wrong password."""
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()
    return page.get_by_role("alert").inner_text()


def test_guessing_is_told_to_wait_and_one_browser_signs_out_the_other(
    notes: Site, visitor: BrowserContext, watch: Watch, browser: Browser, frozen: FrozenClock
) -> None:
    page = visitor.new_page()
    sign_up(page, notes, "Ann")
    told = [guess(page, f"not the password {number}") for number in range(6)]
    assert told[:4] == ["Address or password is wrong."] * 4
    assert told[4] == "Address or password is wrong. Try again in 30 seconds."
    assert told[5] == "Too many failed attempts. Try again in 30 seconds."
    picture(page, "backoff")
    assert watch.violations == []
    watch.clear()  # Chromium calls each page of status 401 and 429 an error

    frozen.advance(31)
    log_in(page, notes, "Ann")
    frozen.advance(600)
    with browser.new_context(user_agent=FIREFOX) as elsewhere:
        elsewhere.set_default_timeout(TIMEOUT)
        other_watch, other = Watch(elsewhere), elsewhere.new_page()
        log_in(other, notes, "Ann")
        expect(other.locator("#live")).to_have_attribute("data-state", "on")
        page.goto(notes.url + "/account/sessions")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("this one")
        expect(rows.last).to_contain_text("Firefox on Windows")
        picture(page, "sessions")

        page.get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_role("status")).to_have_text("You are signed out everywhere.")
        expect(other.locator("#live")).to_have_attribute("data-state", "off")
        other.goto(notes.url)
        other.wait_for_url("**/log-in")
        assert other_watch.complaints == []
    page.goto(notes.url)
    page.wait_for_url("**/log-in")
    assert watch.complaints == []
