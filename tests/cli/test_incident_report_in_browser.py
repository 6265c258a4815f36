"""The post-incident report in a real browser: nothing an attacker wrote runs or calls home, and paper can take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.cli.reported import QUIET, SCRIPT, written
from tests.support.report_page import browser, page, show

pytestmark = pytest.mark.browser


__all__ = ["browser", "page"]


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
