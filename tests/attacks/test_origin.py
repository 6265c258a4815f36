"""A foreign page acts in a visitor's name. Without Garrison each of these attacks succeeds: that is the control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.bank import CROSS_SITE, EVIL, HOME, HOST, OLD_BROWSER, SAME_SITE, Bank, guard, open_socket, visitor

pytestmark = pytest.mark.anyio

NO_TOKENS = {"csrf": {"mode": "off", "allow_insecure_off": "the origin layer is attacked alone"}}


@pytest.fixture(params=["bare", "guarded"])
def protected(request: pytest.FixtureRequest) -> bool:
    """Whether Garrison stands in front. "bare" is the control."""
    return bool(request.param == "guarded")


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def site(bank: Bank, protected: bool, tmp_path: Path) -> Any:
    return guard(bank.app, tmp_path, **NO_TOKENS) if protected else bank.app


async def victim(app: Any) -> httpx.AsyncClient:
    """A browser with alice's session in its jar."""
    browser = visitor(app)
    answer = await browser.post("/login", data={"user": "alice"}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200
    return browser


@pytest.mark.parametrize(
    "sent",
    [
        CROSS_SITE,
        SAME_SITE,  # a sibling host of the same site sends the cookie even with SameSite=Strict
        OLD_BROWSER,
        {"origin": f"{HOME}:8443", "sec-fetch-site": "same-site"},  # another port is the same site, not the same origin
        {"origin": f"{HOME}:8443"},
        {"origin": f"http://{HOST}"},  # whoever owns the network path can serve this
        {"origin": "null"},  # a sandboxed frame, a data: page
        {"origin": f"{HOME}.evil.test"},
        {"origin": f"https://evil.test/{HOST}"},
        {"origin": f"https://{HOST}@evil.test"},
        {"sec-fetch-site": "cross-site"},
    ],
)
async def test_a_foreign_page_cannot_post(bank: Bank, site: Any, protected: bool, sent: dict[str, str]) -> None:
    browser = await victim(site)
    answer = await browser.post("/transfer", data={"to": "mallory"}, headers=sent)
    assert (answer.status_code, bank.transfers) == ((403, []) if protected else (200, ["alice"]))
    assert not protected or answer.json()["reason"] in {"cross-site", "origin-unknown"}


async def test_a_second_honest_header_does_not_cover_the_first(bank: Bank, site: Any, protected: bool) -> None:
    browser = await victim(site)
    twice = [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin"), ("origin", EVIL)]
    await browser.post("/transfer", headers=twice)
    assert bool(bank.transfers) is not protected


async def test_a_foreign_page_cannot_listen_to_a_websocket(site: Any, protected: bool) -> None:
    browser = await victim(site)
    heard = await open_socket(site, f"sid={browser.cookies['sid']}", {"origin": EVIL})
    assert heard == ("" if protected else "balance of alice: 1000")


async def test_a_form_field_that_names_another_method_changes_nothing(bank: Bank, site: Any, protected: bool) -> None:
    browser = await victim(site)
    await browser.post("/transfer?_method=GET", data={"_method": "GET"}, headers=CROSS_SITE)
    assert bool(bank.transfers) is not protected


async def test_a_method_override_header_needs_a_preflight_which_is_refused(tmp_path: Path) -> None:
    """Fetch standard: a header that is not safelisted makes a browser ask first, and a refusal stops it."""
    app = guard(Bank().app, tmp_path, cors={"origins": ("https://app.example",)})
    for name in ("x-http-method-override", "x-method-override", "x-http-method"):
        asked = {"access-control-request-method": "GET", "access-control-request-headers": name}
        for origin in (EVIL, "https://app.example"):
            answer = await visitor(app).options("/transfer", headers={"origin": origin, **asked})
            assert answer.status_code == 403
            assert "access-control-allow-headers" not in answer.headers


@pytest.mark.parametrize(
    "sent",
    [
        {"origin": HOME, "sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},  # Referrer-Policy: no-referrer makes it null
        {"sec-fetch-site": "none"},
        {"origin": HOME},
        {},
    ],
)
async def test_our_own_pages_still_can(bank: Bank, site: Any, sent: dict[str, str]) -> None:
    browser = await victim(site)
    assert (await browser.post("/transfer", headers=sent)).status_code == 200
    assert bank.transfers == ["alice"]


async def test_our_own_pages_still_listen(site: Any) -> None:
    browser = await victim(site)
    cookies = f"sid={browser.cookies['sid']}"
    assert await open_socket(site, cookies, {"origin": HOME})
    assert await open_socket(site, cookies, {})
