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
from playwright.sync_api import Browser, BrowserContext, sync_playwright

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
Visit = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("devca") / "ca", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="session")
def leaf(ca: DevCA) -> Leaf:
    return ca.issue(NAMES)


# The scope is the folder, not the run: while the driver is open its event loop counts as running in this thread, and
# asynchronous tests of other folders could not start theirs.
@pytest.fixture(scope="package")
def browser(ca: DevCA, leaf: Leaf) -> Iterator[Browser]:
    path = need("chromium")
    with sync_playwright() as playwright:
        known = ",".join(map(public_key_hash, (leaf, ca.issue())))
        arguments = [*ARGUMENTS, f"--ignore-certificate-errors-spki-list={known}"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A person at a browser: one cookie jar."""
    context = browser.new_context()
    context.set_default_timeout(15_000)
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
