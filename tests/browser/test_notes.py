"""The reference application in Chromium, as its users see it: everything works, and nothing complains."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from examples.notes import Settings, hardened
from tests.browser.conftest import Serve
from tests.browser.serving import Site, Written
from tests.browser.test_cross_site import SOCKET, attacker_site
from tests.browser.watching import Watch, settle

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PASSWORD = "seven purple lanterns at dawn"


@pytest.fixture
def events(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setenv("GARRISON_STATE", str(folder / "state"))
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", str(folder / "events.jsonl"))
    monkeypatch.setenv("GARRISON_EVENTS__STORE", "false")
    return Written(folder / "events.jsonl")


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(environment="development", data=folder / "data", seed=True, allow_insecure_fast_hash=True)


@pytest.fixture
def notes(serve: Serve, settings: Settings, events: Written) -> Site:
    return serve(hardened(settings))


def sign_up(page: Page, site: Site, name: str) -> None:
    page.goto(site.url + "/sign-up")
    page.get_by_label("Email").fill(f"{name.lower()}@example.com")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/log-in*")


def log_in(page: Page, site: Site, name: str) -> None:
    page.goto(site.url + "/log-in")
    page.get_by_label("Email").fill(f"{name.lower()}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".who-name")).to_have_text(name)


def test_a_day_with_the_notes_goes_without_a_single_complaint(
    notes: Site, visitor: BrowserContext, watch: Watch, browser: Browser, events: Written
) -> None:
    page = visitor.new_page()
    sign_up(page, notes, "Ann")
    log_in(page, notes, "Ann")

    # a second tab and a colleague's browser listen
    tab = visitor.new_page()
    tab.goto(notes.url)
    elsewhere = browser.new_context()
    colleague_watch, colleague = Watch(elsewhere), elsewhere.new_page()
    sign_up(colleague, notes, "Bob")
    log_in(colleague, notes, "Bob")
    for each in (page, tab, colleague):
        expect(each.locator("#live")).to_have_attribute("data-state", "on")

    # a note, by fetch with the token in the header; live in the others by wss
    page.get_by_label("Title").fill("Launch <b>plan</b>")
    page.get_by_label("Text").fill("Pack the *boxes* & <script>alert(1)</script>")
    page.get_by_label("Share with the team").check()
    page.get_by_role("button", name="Add note").click()
    for each in (page, tab, colleague):
        expect(each.get_by_role("link", name="Launch <b>plan</b>")).to_be_visible()

    # an attachment, by a form with the token in its first field
    page.get_by_role("link", name="Launch <b>plan</b>").click()
    expect(page.locator(".prose em")).to_have_text("boxes")
    plan: FilePayload = {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"1. boxes"}
    page.get_by_label("File").set_input_files(plan)
    page.get_by_role("button", name="Upload").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="plan.txt").click()
    assert Path(download.value.path()).read_bytes() == b"1. boxes"

    # editing by a plain form; the others see it
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title").fill("Launch day")
    page.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("link", name="Launch day")).to_be_visible()
    expect(colleague.get_by_role("link", name="Launch day")).to_be_visible()

    # search
    page.goto(notes.url)
    page.get_by_label("Search notes").fill("boxes")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#notes h2")).to_have_text(["Launch day"])

    # log-out closes the other tab's socket as well
    settle(page)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/log-in*")
    expect(tab.locator("#live")).to_have_attribute("data-state", "off")

    assert watch.complaints == []
    assert colleague_watch.complaints == []
    elsewhere.close()
    assert [event for event in events.all() if event["outcome"] == "refused" or event["name"] == "browser_report"] == []


def test_it_works_without_scripts(notes: Site, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_up(page, notes, "Ann")
        log_in(page, notes, "Ann")
        page.get_by_label("Title").fill("Plain")
        page.get_by_role("button", name="Add note").click()
        expect(page.get_by_role("heading", name="Plain")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/log-in*")


def test_a_page_left_open_over_a_log_in_elsewhere_is_told_to_reload(
    notes: Site, visitor: BrowserContext, events: Written
) -> None:
    stale, page = visitor.new_page(), visitor.new_page()
    sign_up(page, notes, "Ann")
    stale.goto(notes.url + "/sign-up")
    log_in(page, notes, "Ann")  # a new session: tokens of the old one are worth nothing

    token = stale.locator("[name=csrf_token]").get_attribute("value")
    answer = page.evaluate(
        """(token) => fetch("/api/notes", { method: "POST", body: '{"title": "x"}',
            headers: { "content-type": "application/json", "x-csrf-token": token },
        }).then((answer) => answer.json())""",
        token,
    )

    assert "Reload the page" in answer["detail"]
    assert events.wait(reason="csrf-invalid")["path"] == "/api/notes"


@pytest.mark.parametrize("place", ["localhost", "evil.localhost"])
def test_pages_of_other_origins_reach_neither_notes_nor_live_updates(
    notes: Site, lenient_visitor: BrowserContext, serve: Serve, events: Written, place: str
) -> None:
    page = lenient_visitor.new_page()
    sign_up(page, notes, "Ann")
    log_in(page, notes, "Ann")
    expect(page.locator("#live")).to_have_attribute("data-state", "on")

    bait = lenient_visitor.new_page()
    bait.goto(serve(attacker_site()).at(place))
    assert bait.evaluate(SOCKET, notes.url) == "failed"
    assert events.wait(path="/live")["layer"] == "origin"
    bait.evaluate(
        """(url) => {
            document.body.innerHTML = `<form method=post action="${url}/notes"><input name=title value=spam></form>`;
            document.forms[0].submit();
        }""",
        notes.url,
    )
    assert events.wait(path="/notes")["reason"] == "cross-site"
    page.reload()
    expect(page.get_by_role("link", name="spam")).to_have_count(0)
