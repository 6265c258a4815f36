"""The site that the day is replayed against: a small shop behind the real `harden`, its accounts and keys included."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from garrison import harden
from garrison.accounts.api_keys_text import make_key
from garrison.accounts.bundle import accounts_of
from garrison.accounts.password_login import Stored
from garrison.asgi.onion import Onion
from garrison.core.exchange import Exchange, Principal
from garrison.core.layer import Layer
from garrison.core.verdict import Refuse
from garrison.policy import Policy
from garrison.testing import FrozenClock

from .people import ITEMS

HOST: Final = "shop.example"
_PAGES: Final = frozenset(
    {"/", "/log-in", "/search", "/robots.txt", "/sitemap.xml", "/feed.xml", "/favicon.ico", "/ads.txt", "/api/items",
     "/static/site.css", "/static/site.js", "/static/logo.svg"}
)  # fmt: skip
_LARGE: Final = 12_000_000


def policy_of(state: Path, **changes: Any) -> Policy:
    """The `browser` preset as it is deployed, but for fast hashes and no files."""
    given: dict[str, Any] = {
        "environment": "development",
        "hosts": (HOST,),
        "state": str(state),
        "store": "memory",
        "events": {"output": "none", "store": False},
        "audit": {"enabled": False},
        "passwords": {"profile": "testing"},
        "api_keys": {"accept": True},
        "load": {"mode": "off", "allow_insecure_off": "the clock of a replay jumps: it looks late all the time"},
    }
    return Policy(**{**given, **changes})


class Shop:
    """The application. `keys` are API keys by kind, made when it is first asked for one; `pace` lets time pass."""

    def __init__(self) -> None:
        self.pace: Callable[[str], None] = lambda path: None
        self.hash = ""
        self.keys: dict[str, str] = {"old": make_key("garrison").whole}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange: Exchange = scope["state"]["garrison"]
        path, method = scope["path"], scope["method"]
        self.pace(path)
        if method == "POST":
            body = await _body(receive)
            status = await self._log_in(exchange, body) if path == "/log-in" else 200
            return await _answer(send, status, 30)
        if path == "/log-in":
            _ = exchange.csrf_token
        return await _answer(send, *self._page(exchange, path))

    def _page(self, exchange: Exchange, path: str) -> tuple[int, int]:
        if path.startswith(("/me", "/reports/")):
            if exchange.principal is None:
                return 401, 30
            return 200, _LARGE if path.startswith("/reports/") else 900
        if path in _PAGES or path.startswith("/static/photo-"):
            return 200, 60_000 if path.startswith("/static/photo") else 4_000
        number = path.rpartition("/")[2]
        known = path.startswith(("/items/", "/api/items/")) and number.isdigit() and int(number) <= ITEMS
        return (200, 9_000) if known else (404, 300)

    async def _log_in(self, exchange: Exchange, body: bytes) -> int:
        asked, accounts = json.loads(body), accounts_of(exchange)
        if not self.hash:
            self.hash = await accounts.passwords.hash("right")

        async def find(login: str) -> Stored | None:
            return Stored(Principal(login), self.hash) if login.startswith(("m", "o", "a")) else None

        outcome = await accounts.log_in(exchange, asked["login"], asked["password"], find)
        if isinstance(outcome, Refuse):
            return outcome.status if exchange.refuse(outcome) else 200
        return 200 if isinstance(outcome, Principal) else 403

    async def key(self, exchange: Exchange) -> str:
        """A key of a partner's."""
        if "good" not in self.keys:
            self.keys["good"] = (await accounts_of(exchange).api_keys.create(exchange, "partner", "replay")).text
        return self.keys["good"]


def build(state: Path, clock: FrozenClock, layers: Sequence[Layer] = (), **changes: Any) -> tuple[Shop, Onion]:
    """The shop, and the shop behind Garrison."""
    shop = Shop()
    return shop, harden(shop, policy_of(state, **changes), layers=layers, clock=clock.clock)


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Any, status: int, length: int) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
