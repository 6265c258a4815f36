"""The API documentation in a real browser: it works under the strict policy, unchanged."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect, sync_playwright

from examples.notes import Settings, hardened
from garrison import Policy, harden
from garrison.cli.look import look
from garrison.fastapi import docs
from garrison.policy.example import write_policy
from garrison.serve.devca import DevCA
from tests.browser.serving import serving
from tests.browser.watching import Watch
from tests.support.components import need

pytestmark = pytest.mark.browser


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(20_000)
        yield context.new_page()
        browser.close()


def test_the_documentation_shows_the_schema_and_sends_a_request_without_a_single_complaint(
    page: Page, settings: Settings, environ: None, tmp_path: Path
) -> None:
    watch = Watch(page.context)
    ca = DevCA.open(tmp_path / "ca", datetime.now(UTC))
    with serving(hardened(settings), ca.issue()) as site:
        page.goto(f"{site.url}/log-in")
        page.fill("[name=email]", "demo@example.com")
        page.fill("[name=password]", settings.demo_password.reveal())
        page.click("button.primary")
        expect(page.locator("#live[data-state=on]")).to_be_visible()
        answer = page.goto(f"{site.url}/docs")
        assert answer
        assert "require-trusted-types-for 'script'" in answer.headers["content-security-policy"]
        page.click("text=Create Note")
        page.click("text=Try it out")
        page.click("button.execute")
        expect(page.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("201")
        assert watch.complaints == []
        page.evaluate("document.body.innerHTML = '<img src=x onerror=\"window.ran = true\">'")
        page.wait_for_timeout(300)
        assert page.evaluate("window.ran") is None  # HTML gets in on this page; handlers in it still don't run
        assert any("script-src" in violation for violation in watch.violations)


@pytest.mark.parametrize("written", [True, False], ids=["as init writes it", "control: the preset alone"])
def test_in_the_preset_for_apis_the_page_works_with_the_class_that_init_writes(
    page: Page, environ: None, tmp_path: Path, written: bool
) -> None:
    api = FastAPI()

    @api.get("/notes")
    def notes() -> list[str]:
        return ["first"]

    docs(api)
    policy = tomllib.loads(write_policy(look(api, "main:api"))) if written else {"preset": "api"}
    ca = DevCA.open(tmp_path / "ca", datetime.now(UTC))
    watch = Watch(page.context)
    with serving(harden(api, Policy(environment="development", **policy)), ca.issue()) as site:
        page.goto(f"{site.url}/docs")
        if not written:
            assert watch.wait_for_violation(page)
            expect(page.locator("#swagger-ui")).to_be_empty()
            return
        page.click("text=/notes")
        page.click("text=Try it out")
        page.click("button.execute")
        expect(page.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("200")
        assert watch.complaints == []
