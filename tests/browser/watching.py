"""What a browser complains about: console errors, uncaught exceptions, failed requests and CSP violations.

Violations are collected by a script that the test plants before any of the page's own, in every frame. It reports
through a binding of the test driver, which no Content-Security-Policy touches. Polling is done from outside:
`wait_for_function` evaluates strings in the page, which a strict policy refuses.
"""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError

_LISTEN = """
document.addEventListener("securitypolicyviolation", (event) => {
  window.__garrisonTestReport(`${event.effectiveDirective} blocked ${event.blockedURI || "inline"} `
    + `in ${event.documentURI} (${event.sourceFile}:${event.lineNumber}) ${event.disposition} ${event.sample}`);
}, true);
"""


class Watch:
    """All complaints of a browser context."""

    def __init__(self, context: BrowserContext) -> None:
        self.violations: list[str] = []
        self.errors: list[str] = []
        context.expose_binding("__garrisonTestReport", self._violated)
        context.add_init_script(_LISTEN)
        context.on("console", self._said)
        context.on("weberror", self._broke)

    def _violated(self, source: Any, text: str) -> None:
        self.violations.append(text)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location
            self.errors.append(f"{message.text} ({place.get('url', '')}:{place.get('lineNumber', '')})")

    def _broke(self, error: WebError) -> None:
        self.errors.append(f"uncaught: {error.error}")

    def wait_for_violation(self, page: Page, seconds: float = 10) -> str:
        """The first violation; "" when there is none in time. (The driver hears nothing while the test sleeps.)"""
        deadline = time.monotonic() + seconds
        while not self.violations and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        return self.violations[0] if self.violations else ""

    @property
    def complaints(self) -> list[str]:
        return [*self.errors, *self.violations]

    def clear(self) -> None:
        self.violations.clear()
        self.errors.clear()


def settle(page: Page) -> None:
    """Wait until the page has loaded and its network is quiet, so that complaints have had time to be made."""
    page.wait_for_load_state("networkidle")
