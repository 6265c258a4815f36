"""Chromium trusts the development CA once its owner imported it, as `garrison certs trust` says, and not before."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, BrowserType, Error, expect

from examples.notes import Settings, hardened
from garrison.serve.devca import DevCA
from tests.browser.conftest import ARGUMENTS, TIMEOUT, Serve
from tests.browser.serving import Site
from tests.browser.test_notes import log_in, sign_up
from tests.support.components import need

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def notes(serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("GARRISON_STATE", str(folder / "state"))
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")
    monkeypatch.setenv("GARRISON_EVENTS__STORE", "false")
    settings = Settings(environment="development", data=folder / "data", seed=True, allow_insecure_fast_hash=True)
    return serve(hardened(settings))


@contextmanager
def own_profile(chromium: BrowserType, home: Path) -> Iterator[BrowserContext]:
    """Chromium with a profile, and a store of authorities, of its own; nothing is overlooked."""
    environ: dict[str, Any] = {**os.environ, "HOME": str(home)}
    context = chromium.launch_persistent_context(
        home / "profile", executable_path=need("chromium"), args=list(ARGUMENTS), env=environ
    )
    context.set_default_timeout(TIMEOUT)
    try:
        yield context
    finally:
        context.close()


def trust(ca: DevCA, home: Path) -> None:
    """What `garrison certs trust` prints for Chromium on Linux."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil, place = need("certutil"), f"sql:{store}"
    subprocess.run([certutil, "-d", place, "-N", "--empty-password"], check=True, timeout=30)
    added = ["-A", "-t", "C,,", "-n", "Garrison development CA", "-i", str(ca.certificate_file)]
    subprocess.run([certutil, "-d", place, *added], check=True, timeout=30)


def test_without_the_import_the_certificate_is_refused(notes: Site, chromium: BrowserType, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with own_profile(chromium, home) as context, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        context.new_page().goto(notes.url)


def test_with_it_the_reference_application_loads_over_https_and_wss(
    notes: Site, ca: DevCA, chromium: BrowserType, tmp_path: Path
) -> None:
    trust(ca, tmp_path / "home")
    with own_profile(chromium, tmp_path / "home") as context:
        page = context.new_page()
        sign_up(page, notes, "Ann")
        with page.expect_websocket(lambda socket: socket.url.startswith("wss://")) as opened:
            log_in(page, notes, "Ann")
        expect(page).to_have_url(re.compile("^https://"))
        assert page.evaluate("() => window.isSecureContext")
        assert opened.value.url == notes.url.replace("https", "wss") + "/live"
        page.wait_for_timeout(500)
        assert not opened.value.is_closed()
