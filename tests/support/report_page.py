"""A report, opened as a file in Chromium. Tests import the fixtures `browser` and `page`, and `show`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.components import need

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=_FLAGS)
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
