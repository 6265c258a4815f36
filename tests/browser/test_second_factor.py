"""The second factor and API keys of the reference application in Chromium, from set-up to log-in, without a complaint.

With `PICTURES=docs/images` the pages are photographed for the documentation.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from examples.notes import Settings, hardened
from tests.browser.conftest import Serve
from tests.browser.serving import Site
from tests.browser.test_notes import PASSWORD, log_in, sign_up
from tests.browser.watching import Watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def notes(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("GARRISON_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")
    settings = Settings(environment="development", data=tmp_path / "data", allow_insecure_fast_hash=True)
    return serve(hardened(settings))


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("PICTURES")
    if folder:
        page.set_viewport_size({"width": 1100, "height": 760})
        page.screenshot(path=Path(folder, f"notes-{name}.png"), animations="disabled", caret="hide")


def set_up(page: Page, site: Site) -> tuple[pyotp.TOTP, str]:
    """The phone, and the first recovery code."""
    page.goto(site.url + "/account/second-factor")
    page.get_by_role("button", name="Set up").click()
    code_picture = page.get_by_alt_text("QR code for your authenticator app")
    expect(code_picture).to_be_visible()
    assert code_picture.evaluate("image => image.complete && image.naturalWidth > 100"), "it is drawn under the CSP"
    picture(page, "second-factor")
    page.get_by_text("Can't scan it?").click()
    app = pyotp.TOTP(page.locator("code.secret").inner_text())
    page.get_by_label("Type the six digits").fill(app.now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    picture(page, "recovery-codes")
    return app, page.locator(".codes code").first.inner_text()


def test_sign_up_says_why_a_password_will_not_do(notes: Site, visitor: BrowserContext, watch: Watch) -> None:
    page = visitor.new_page()
    page.goto(notes.url + "/sign-up")
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_label("Your name").fill("Ann Lee")
    page.get_by_label("Password").fill("ann@example.com")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    picture(page, "sign-up")
    sign_up(page, notes, "Ann")  # control: with a password of one's own the same form makes the account
    log_in(page, notes, "Ann")
    assert all("422" in one for one in watch.complaints), watch.complaints  # the refusal, as browsers note it


def test_from_set_up_to_log_in_with_a_code(notes: Site, visitor: BrowserContext, watch: Watch) -> None:
    page = visitor.new_page()
    sign_up(page, notes, "Ann")
    log_in(page, notes, "Ann")
    app, recovery = set_up(page, notes)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left.")).to_be_visible()
    for code in (app.at(int(time.time()) + 30), recovery):  # the step of the set-up is used: the next one holds already
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/log-in")
        page.get_by_label("Email").fill("ann@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/log-in/code")
        if code == recovery:
            picture(page, "log-in-code")
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".who-name")).to_have_text("Ann")
    page.goto(notes.url + "/account/second-factor")
    expect(page.get_by_text("9 recovery codes left.")).to_be_visible()
    assert watch.complaints == []


def test_a_key_is_made_shown_once_and_revoked(notes: Site, visitor: BrowserContext, watch: Watch) -> None:
    page = visitor.new_page()
    sign_up(page, notes, "Ann")
    log_in(page, notes, "Ann")
    page.goto(notes.url + "/account/keys")
    page.get_by_label("What is it for?").fill("Backup script")
    page.get_by_role("button", name="Make a key").click()
    key = page.locator("code.secret").inner_text()
    assert key.startswith("notes_")
    picture(page, "api-keys")
    program = visitor.browser
    assert program is not None
    bearer = {"Authorization": f"Bearer {key}"}
    machine = program.new_context(extra_http_headers=bearer, ignore_https_errors=True).request  # it knows no CA
    assert machine.get(notes.url + "/api/me").json()["name"] == "Ann"
    page.goto(notes.url + "/account/keys")
    expect(page.locator("code.secret")).to_have_count(0)
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("tr.off")).to_be_visible()
    assert machine.get(notes.url + "/api/me").status == 401
    assert watch.complaints == []
