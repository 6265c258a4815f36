"""Send a day to the site, request by request, with the clock at the time of each. Cookies and tokens are kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote

from garrison.asgi.onion import Onion
from garrison.core.exchange import Exchange
from garrison.testing import FrozenClock
from tests.support.facts import make_facts

from .ask import Ask
from .site import HOST, Shop

_CSRF: Final = "__Host-csrf"
_STALE: Final = "c3RhbGU.c3RhbGU"


class Replay:
    """Whoever sends requests has a cookie jar. `statuses` counts the answers."""

    def __init__(self, shop: Shop, app: Onion, clock: FrozenClock) -> None:
        self._shop, self._app, self._clock = shop, app, clock
        self._jars: dict[str, dict[str, str]] = {}
        self._start = clock.now
        self.statuses: Counter[int] = Counter()

    async def run(self, asks: Iterable[Ask], every: float, tick: Callable[[], object]) -> None:
        """Send `asks`; call `tick` each time `every` seconds of the day have passed."""
        await self._shop.key(Exchange(make_facts(), self._app.services))
        due = every
        for ask in asks:
            while ask.at >= due:
                self._to(due)
                tick()
                due += every
            self._to(ask.at)
            await self._send(ask)
        tick()

    def _to(self, at: float) -> None:
        self._clock.advance(max(0.0, at - (self._clock.now - self._start)))

    async def _send(self, ask: Ask) -> None:
        jar = self._jars.setdefault(ask.visitor, {})
        body = json.dumps({"login": ask.login, "password": ask.password}) if ask.login else ask.body
        waiting = [{"type": "http.request", "body": body.encode()}]

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
                _keep(jar, message["headers"])

        await self._app(_scope(ask, self._headers(ask, jar, body)), receive, send)

    def _headers(self, ask: Ask, jar: dict[str, str], body: str) -> list[tuple[bytes, bytes]]:
        given = {"host": HOST, "user-agent": ask.agent, "sec-fetch-site": ask.site}
        if jar and ask.site != "cross-site":
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if ask.site == "cross-site" and ask.path.startswith("/api/"):
            given["origin"] = "https://widgets.example"
            given["access-control-request-method"] = "PUT" if ask.method == "OPTIONS" else ""
        if ask.bearer:
            given["authorization"] = f"Bearer {self._shop.keys[ask.bearer]}"
        if ask.method == "POST":
            kind = "application/csp-report" if ask.path.endswith("/reports") else "application/json"
            given |= {"content-type": kind, "content-length": str(len(body.encode()))}
            if ask.site:
                given["origin"] = f"https://{HOST}"
            given["x-csrf-token"] = jar.get(_CSRF, "") if ask.token == "good" else _STALE
        return [(name.encode(), value.encode()) for name, value in given.items() if value]


def _scope(ask: Ask, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": ask.method, "scheme": "https",
        "path": ask.path, "raw_path": ask.path.encode(), "query_string": quote(ask.query).encode(), "root_path": "",
        "headers": headers, "client": (ask.client, 40_000), "server": (HOST, 443), "state": {},
    }  # fmt: skip


def _keep(jar: dict[str, str], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"set-cookie":
            pair = value.split(b";")[0].decode()
            key, _, content = pair.partition("=")
            if content:
                jar[key] = content
            else:
                jar.pop(key, None)
