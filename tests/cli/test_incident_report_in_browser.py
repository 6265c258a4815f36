"""The post-incident report in a real browser: nothing an attacker wrote runs or calls home, and paper can take it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.cli.reported import QUIET, SCRIPT, written
from tests.support.components import need

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def show(page: Page, source: str, folder: Path) -> list[str]:
    """Open it as a file; what the console said, and which other addresses were asked for."""
    file = folder / "report.html"
    file.write_text(source, "utf-8")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda asked: said.append(f"asked for {asked.url}") if asked.url != file.as_uri() else None)
    page.goto(file.as_uri())
    return said


def test_hostile_text_stays_text_and_a_page_that_escapes_nothing_runs_it(page: Page, tmp_path: Path) -> None:
    _, html = written(SCRIPT)
    assert show(page, html, tmp_path) == []
    assert page.title().startswith("Stuffing")
    assert "<script>" in page.locator("h1").inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('th')).textAlign") == "left"  # the style is in
    naive = f"<!doctype html><title>quiet</title><h1>{QUIET.title}{SCRIPT.replace('alert(1)', '1')}</h1>"
    show(page, naive, tmp_path)  # the control: the same text, not escaped, and no policy
    page.wait_for_function("document.title === 'run'")


def test_even_what_slips_through_unescaped_does_not_run_under_the_reports_policy(page: Page, tmp_path: Path) -> None:
    slipped = written()[1].replace("</main>", f"{SCRIPT}</main>")
    said = show(page, slipped, tmp_path)
    assert page.title().startswith("Stuffing")
    assert any("Content Security Policy" in line for line in said)


def test_it_is_readable_on_paper(page: Page, tmp_path: Path) -> None:
    show(page, written()[1], tmp_path)
    page.emulate_media(media="print")
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert colours == ["rgb(28, 33, 39)", "rgb(255, 255, 255)"]
    page.set_viewport_size({"width": 794, "height": 1123})  # A4 at 96 dpi: nothing is cut off at the side
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
