"""The HTML report in a real browser: it sorts, it asks for nothing, and its policy stops what slipped through."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from garrison.findings.as_html import write
from tests.support.report_page import browser, page, show

from .samples import SCRIPT, full_report, hostile_report

pytestmark = pytest.mark.browser


__all__ = ["browser", "page"]


def test_a_report_opens_without_a_violation_and_asks_for_nothing(page: Page, tmp_path: Path) -> None:
    assert show(page, write(full_report()), tmp_path) == []
    assert page.locator("tbody").first.locator("tr").count() == 6
    assert page.evaluate("getComputedStyle(document.querySelector('th')).textAlign") == "left"  # the style is in


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order(page: Page, tmp_path: Path) -> None:
    show(page, write(full_report()), tmp_path)
    body = page.locator("tbody").first

    def column(number: int) -> list[str]:
        return [cell.split("\n")[0] for cell in body.locator(f"td:nth-child({number})").all_inner_texts()]

    assert column(1) == ["critical", "high", "high", "medium", "low", "info"]
    page.get_by_role("button", name="Rule").click()
    assert column(2) == ["P000", "P001", "P001", "P002", "P003", "P004"]
    page.get_by_role("button", name="Rule").click()
    assert column(2) == ["P004", "P003", "P002", "P001", "P001", "P000"]
    assert page.locator("th[aria-sort]").evaluate_all("heads => heads.map(h => h.ariaSort)") == ["descending"]
    page.get_by_role("button", name="Severity").click()
    assert column(1) == ["critical", "high", "high", "medium", "low", "info"]


def test_a_findings_markup_does_not_run(page: Page, tmp_path: Path) -> None:
    assert show(page, write(hostile_report(SCRIPT)), tmp_path) == []
    assert page.title() == "garrison check"


def test_even_unescaped_markup_does_not_run_under_the_reports_policy(page: Page, tmp_path: Path) -> None:
    slipped = write(full_report()).replace("</main>", f"{SCRIPT}</main>")
    said = show(page, slipped, tmp_path)
    assert page.title() == "garrison check"
    assert any("Content Security Policy" in line for line in said)
    show(page, f"<title>quiet</title>{SCRIPT}", tmp_path)  # the control: a page without the policy
    page.wait_for_function("document.title === 'run'")
