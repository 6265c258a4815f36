"""Forged requests from a browser that tells nothing about their origin, so that only the token stands in the way.

Each attack succeeds on the bare application, or on a peer's middleware where it quotes that one's fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asgi_csrf
import httpx
import pytest
from starlette_csrf.middleware import CSRFMiddleware

from tests.attacks.bank import HOME, SILENT, Bank, guard, open_socket, visitor

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
FILE = {"receipt": ("a.txt", b"hello")}


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def site(bank: Bank, tmp_path: Path) -> Any:
    """The guarded bank; logging in needs a token from everybody."""
    entrance = {"name": "entrance", "paths": ["/login", "/enter"], "csrf": {"require": "always"}}
    anything = {"mode": "off", "allow_insecure_off": "simple content types are attacked here"}
    return guard(bank.app, tmp_path, routes=[entrance], content=anything)


async def page_token(browser: httpx.AsyncClient) -> str:
    """The token a page of ours holds."""
    match = re.search(r'value="([^"]*)"', (await browser.get("/")).text)
    assert match is not None
    return match[1]


async def enter(app: Any, user: str, path: str = "/enter") -> httpx.AsyncClient:
    """A browser that has logged in through our own page."""
    browser = visitor(app)
    form = {"user": user, "csrf_token": await page_token(browser)}
    assert (await browser.post(path, data=form)).status_code == 200
    return browser


async def on_the_bare_bank(**sent: Any) -> list[str]:
    """The control: what the same request does without Garrison."""
    bank = Bank()
    browser = visitor(bank.app)
    await browser.post("/login", data={"user": "alice"})
    await browser.post("/transfer", **sent)
    return bank.transfers


@pytest.mark.parametrize("path", ["/enter", "/login"])
async def test_our_own_page_can_act(bank: Bank, site: Any, path: str) -> None:
    browser = await enter(site, "alice", path)
    token = await page_token(browser)
    assert (await browser.post("/transfer", headers={"x-csrf-token": token})).status_code == 200
    assert (await browser.post("/transfer", data={"to": "bob", "csrf_token": token})).status_code == 200
    assert (await browser.post("/transfer", data={"csrf_token": token}, files=FILE)).status_code == 200
    assert bank.transfers == ["alice"] * 3


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"to": "mallory"}},
        {"files": FILE},
        {"content": b'{"to": "mallory"}', "headers": {"content-type": "text/plain"}},  # needs no preflight
        {"content": b'{"to": "mallory"}', "headers": JSON},
        {"content": b"", "headers": {}},
        {"data": {"_method": "GET", "to": "mallory"}},
        {"data": {"csrf_token": ""}},
        {"headers": {"x-csrf-token": ""}},
        {"headers": {"x-csrf-token": "x"}},
        {"headers": {"authorization": "Bearer anything"}},
    ],
)
@pytest.mark.parametrize("path", ["/enter", "/login"])
async def test_a_forged_request_is_refused(bank: Bank, site: Any, path: str, sent: dict[str, Any]) -> None:
    assert await on_the_bare_bank(**sent) == ["alice"]
    browser = await enter(site, "alice", path)
    answer = await browser.post("/transfer", **sent)
    assert (answer.status_code, answer.json()["reason"].partition("-")[0], bank.transfers) == (403, "csrf", [])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_no_unsafe_method_is_left_out(bank: Bank, site: Any, method: str) -> None:
    browser = await enter(site, "alice")
    assert (await browser.request(method, "/transfer")).status_code == 403
    assert (await browser.request("GET", "/transfer", headers={"x-http-method-override": method})).status_code == 405
    assert bank.transfers == []


async def test_log_in_csrf_is_refused(bank: Bank, site: Any) -> None:
    """A foreign page logs the visitor into the attacker's account, to see what is entered there (CWE-352)."""
    control = Bank()
    answer = await visitor(control.app).post("/login", data={"user": "mallory"}, headers=SILENT)
    assert answer.cookies.get("sid") in control.sessions
    for path in ("/enter", "/login"):
        for browser in (visitor(site), await enter(site, "alice")):
            assert (await browser.post(path, data={"user": "mallory"})).status_code == 403
    assert "mallory" not in bank.sessions.values()


async def test_log_in_csrf_with_the_attackers_own_token_is_refused(site: Any) -> None:
    token = await page_token(visitor(site))
    browser = visitor(site)
    await page_token(browser)
    assert (await browser.post("/enter", data={"user": "mallory", "csrf_token": token})).status_code == 403


async def test_a_token_of_the_attackers_session_does_not_serve_the_victims(bank: Bank, site: Any) -> None:
    """The attacker plants a pair that matches: cookie tossing from a sibling host, where the name allows it."""
    mallory = await enter(site, "mallory")
    token = await page_token(mallory)
    assert (await mallory.post("/transfer", headers={"x-csrf-token": token})).status_code == 200
    alice = await enter(site, "alice")
    alice.cookies.delete("__Host-csrf")
    alice.cookies.set("__Host-csrf", token, domain="bank.example")
    assert (await alice.post("/transfer", headers={"x-csrf-token": token})).status_code == 403
    assert bank.transfers == ["mallory"]


async def test_a_tossed_second_cookie_is_refused(bank: Bank, site: Any) -> None:
    alice = await enter(site, "alice")
    token, session = await page_token(alice), alice.cookies["__Host-session"]
    forged = await page_token(await enter(site, "mallory"))
    for pair in ((forged, token), (token, forged)):
        line = "; ".join(f"__Host-csrf={each}" for each in pair) + f"; __Host-session={session}"
        for sent in (token, forged):
            answer = await visitor(site).post("/transfer", headers={"cookie": line, "x-csrf-token": sent})
            assert answer.status_code == 403
    assert bank.transfers == []


async def test_a_forged_token_in_both_places_is_refused(bank: Bank, site: Any) -> None:
    """What defeats a double submit without a signature."""
    alice = await enter(site, "alice")
    alice.cookies.delete("__Host-csrf")
    alice.cookies.set("__Host-csrf", "x" * 30 + ".forged", domain="bank.example")
    answer = await alice.post("/transfer", headers={"x-csrf-token": "x" * 30 + ".forged"})
    assert (answer.status_code, bank.transfers) == (403, [])


async def test_the_token_in_the_cookie_alone_is_refused(bank: Bank, site: Any) -> None:
    alice = await enter(site, "alice")
    assert alice.cookies["__Host-csrf"]
    assert (await alice.post("/transfer", data={"to": "mallory"})).status_code == 403
    assert bank.transfers == []


async def test_a_token_is_worth_nothing_after_log_out_and_after_the_next_log_in(bank: Bank, site: Any) -> None:
    alice = await enter(site, "alice")
    old = {"__Host-csrf": await page_token(alice), "__Host-session": alice.cookies["__Host-session"]}
    header = {"x-csrf-token": old["__Host-csrf"]}
    assert (await alice.post("/leave", headers=header)).status_code == 200
    assert not {"__Host-csrf", "__Host-session"} & set(alice.cookies)

    replayed = visitor(site)
    replayed.cookies.update(old)
    assert (await replayed.post("/transfer", headers=header)).status_code == 401  # the session itself is gone

    again = await enter(site, "alice")
    again.cookies.delete("__Host-csrf")
    again.cookies.set("__Host-csrf", old["__Host-csrf"], domain="bank.example")
    assert (await again.post("/transfer", headers=header)).status_code == 403
    assert bank.transfers == []


async def test_a_log_in_changes_the_token(site: Any) -> None:
    browser = visitor(site)
    before = await page_token(browser)
    await browser.post("/enter", data={"user": "alice", "csrf_token": before})
    assert browser.cookies["__Host-csrf"] != before
    assert await page_token(browser) == browser.cookies["__Host-csrf"]


async def test_a_token_in_the_address_does_not_count(bank: Bank, site: Any) -> None:
    alice = await enter(site, "alice")
    token = await page_token(alice)
    assert (await alice.post(f"/transfer?csrf_token={token}", data={"to": "mallory"})).status_code == 403
    assert bank.transfers == []


async def test_stored_basic_credentials_need_a_token(bank: Bank, site: Any) -> None:
    """A browser adds them by itself, like a cookie."""
    answer = await visitor(site).post("/transfer", headers={"authorization": "Basic dTpw"})
    assert answer.status_code == 403


class TestFaultsOfPeers:
    """What other middlewares were seen to get wrong, on them and on us."""

    @staticmethod
    def asgi_csrf_over(bank: Bank) -> Any:
        return asgi_csrf.asgi_csrf(bank.app, signing_secret="s" * 32)

    async def send(self, app: Any, lines: list[tuple[str, str]], headers: Mapping[str, str] = SILENT) -> int:
        cookies = [("cookie", line) for _, line in lines]
        answer = await visitor(app).post("/transfer", headers=[*cookies, *headers.items()])
        return answer.status_code

    async def test_a_second_empty_cookie_line_does_not_skip_the_check(self, bank: Bank, site: Any) -> None:
        control = Bank()
        control.sessions["1"] = "alice"
        lines = [("cookie", "sid=1"), ("cookie", "")]
        assert await self.send(self.asgi_csrf_over(control), lines[:1]) == 403
        assert await self.send(self.asgi_csrf_over(control), lines) == 200
        assert control.transfers == ["alice"]

        bank.sessions["1"] = "alice"
        for order in (lines, lines[::-1]):
            assert await self.send(site, order) == 403
        assert bank.transfers == []

    async def test_a_token_outside_ascii_is_refused_and_raises_nothing(self, bank: Bank, site: Any) -> None:
        bank.sessions["1"] = "alice"
        sent = [
            ("cookie", b"sid=1; csrftoken=\xe4; __Host-csrf=\xe4"),
            ("x-csrftoken", b"\xe4"),
            ("x-csrf-token", b"\xe4"),
        ]
        raw = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in sent]
        control = await visitor(self.asgi_csrf_over(bank)).post("/transfer", headers=raw)
        assert control.status_code == 500
        assert (await visitor(site).post("/transfer", headers=raw)).status_code == 403

    async def test_a_websocket_is_not_an_internal_error(self, bank: Bank, site: Any) -> None:
        bank.sessions["1"] = "alice"
        with pytest.raises(AssertionError):
            await open_socket(CSRFMiddleware(bank.app, secret="s" * 32), "sid=1", {"origin": HOME})
        assert await open_socket(site, "sid=1", {"origin": HOME}) == "balance of alice: 1000"
