"""One Chromium for the folder, a fresh context for each test, and servers over HTTPS.

The development CA is not put into Chromium's trust store (that needs a tool that is no part of Chromium); instead
Chromium is told the public keys of the certificates that servers here use. Everything else stays in force: another
certificate is an error, and the pages are secure contexts as they would be with a trusted one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, sync_playwright

from garrison.serve.devca import DevCA, Leaf
from tests.browser.serving import NAMES, Site, public_key_hash, serving
from tests.browser.watching import Watch
from tests.support.components import need

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--short-reporting-delay",  # browsers gather reports for up to a minute otherwise
)
Serve = Callable[[Any], Site]
TIMEOUT = 15_000


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("devca") / "ca", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="session")
def leaf(ca: DevCA) -> Leaf:
    return ca.issue(NAMES)


# The scope is the folder, not the run: while the driver is open its event loop counts as running in this thread, and
# asynchronous tests of other folders could not start theirs.
@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def options(ca: DevCA, leaf: Leaf) -> dict[str, Any]:
    """How Chromium is started."""
    known = ",".join(map(public_key_hash, (leaf, ca.issue())))
    arguments = [*ARGUMENTS, f"--ignore-certificate-errors-spki-list={known}"]
    return {"executable_path": need("chromium"), "args": arguments}


@pytest.fixture(scope="package")
def browser(chromium: BrowserType, options: dict[str, Any]) -> Iterator[Browser]:
    browser = chromium.launch(**options)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def profile(
    chromium: BrowserType, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    folder = tmp_path_factory.mktemp("profile")
    preferences = folder / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text('{"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": false}}')
    context = chromium.launch_persistent_context(folder, **options)
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


@pytest.fixture
def lenient_visitor(profile: BrowserContext) -> Iterator[BrowserContext]:
    """A person whose browser sends cookies to third parties, as anybody may choose. In the private windows of `visitor`
    Chromium keeps them back: no place to show that it was Garrison who stopped an attack."""
    profile.clear_cookies()
    yield profile
    for page in profile.pages[1:]:
        page.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A person at a browser: one cookie jar."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


@pytest.fixture
def watch(visitor: BrowserContext) -> Watch:
    return Watch(visitor)


@pytest.fixture
def serve(leaf: Leaf) -> Iterator[Serve]:
    """Put applications on servers that stop with the test."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(serving(app, leaf))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For the state and the events of one guarded application."""
    return tmp_path
