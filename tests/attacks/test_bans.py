"""Attacks on bans: how a banned client tries to come in all the same, and how bans are turned against others.

Each attack runs against the whole onion, and against the defence as it is often written: the control, which it beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from garrison.asgi.onion import Onion
from garrison.core.ban_rules import ProxyBanRefused
from garrison.core.bans import parse_target
from garrison.core.exchange import Principal
from garrison.testing import testing_policy
from garrison.wire import harden
from tests.asgi.driving import EMPTY, Driven, Message, Receive, Send, drive, http_scope, websocket_scope

pytestmark = pytest.mark.anyio

BANNED, PROXY, OTHER = "203.0.113.66", "10.0.0.5", "198.51.100.7"
Headers = Sequence[tuple[bytes, bytes]]

SPOOFED: dict[str, Headers] = {
    "leftmost": [(b"x-forwarded-for", f"{OTHER}, {BANNED}".encode())],
    "duplicate lines": [(b"x-forwarded-for", OTHER.encode()), (b"x-forwarded-for", BANNED.encode())],
    "underscores": [(b"x_forwarded_for", OTHER.encode()), (b"x-forwarded-for", BANNED.encode())],
    "another header": [(b"forwarded", f"for={OTHER}".encode()), (b"x-forwarded-for", BANNED.encode())],
    "x-real-ip": [(b"x-real-ip", OTHER.encode()), (b"x-forwarded-for", BANNED.encode())],
    "a port": [(b"x-forwarded-for", f"{OTHER}, {BANNED}:4711".encode())],
    "mapped": [(b"x-forwarded-for", f"{OTHER}, ::ffff:{BANNED}".encode())],
    "the proxy's own address": [(b"x-forwarded-for", f"{PROXY}, {BANNED}".encode())],
    "proxies on the right": [(b"x-forwarded-for", f"{OTHER}, {BANNED}, {PROXY}".encode())],
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Whoever gets here was let in."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "secret"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"secret"})


class Site:
    """The application behind Garrison, with a ban list."""

    def __init__(self, **policy: Any) -> None:
        async def who(facts: Any, exchange: Any) -> Principal | None:
            name = facts.headers.get(b"x-user", b"").decode()
            return Principal(name) if name else None

        self.app: Onion = harden(app, testing_policy(proxies=[f"{PROXY}/32"], **policy), principal=who)
        assert self.app.services.bans is not None
        self.bans = self.app.services.bans

    async def ban(self, target: str) -> None:
        await self.bans.add(parse_target(target), reason="attack", by="test")

    async def get(self, path: bytes = b"/", headers: Headers = (), peer: str = PROXY) -> int:
        scope = http_scope("GET", path, headers, client=(peer, 4711))
        return (await drive(self.app, scope, [EMPTY])).status


def naive(headers: Headers) -> str:
    """The client as it is often found: names as WSGI has them, the first address of the last line."""
    values = {name.replace(b"_", b"-"): value.decode() for name, value in reversed(headers)}
    for name in (b"forwarded", b"x-real-ip", b"x-forwarded-for"):
        if name in values:
            return values[name].partition(",")[0].removeprefix("for=")
    return ""


@pytest.mark.parametrize("how", SPOOFED)
async def test_a_banned_client_behind_the_proxy_can_t_write_itself_another_address(how: str) -> None:
    """CWE-348: of the header only what the trusted proxy added counts."""
    site, headers = Site(), SPOOFED[how]
    assert await site.get(headers=headers) == 200
    await site.ban(BANNED)
    assert await site.get(headers=headers) == 403
    assert await site.get(headers=[(b"x-forwarded-for", OTHER.encode())]) == 200, "who was named is not shut out"
    assert naive(headers) != BANNED, "control"


@pytest.mark.parametrize("how", SPOOFED)
async def test_a_banned_client_without_a_proxy_gains_nothing_by_any_header(how: str) -> None:
    site = Site()
    await site.ban(BANNED)
    honest = [pair for pair in SPOOFED[how] if pair[1] != BANNED.encode()]
    assert await site.get(headers=honest, peer=BANNED) == 403
    assert await site.get(headers=honest, peer="192.0.2.9") == 200


@pytest.mark.parametrize("how", SPOOFED)
async def test_nobody_else_pays_for_a_flood_that_writes_addresses(how: str) -> None:
    """The same spoofing against a limit: the flood is charged to who sent it, and the one it named is served."""
    site = Site(rate={"mode": "enforce", "address": ["5/minute"]})
    answers = [await site.get(headers=SPOOFED[how]) for _ in range(30)]
    assert answers.count(200) == 5
    assert await site.get(headers=[(b"x-forwarded-for", OTHER.encode())]) == 200


async def test_the_control_of_the_flood_lets_a_client_that_changes_its_first_address_go_on() -> None:
    seen: dict[str, int] = {}
    for number in range(30):
        client = naive([(b"x-forwarded-for", f"198.51.100.{number}, {BANNED}".encode())])
        seen[client] = seen.get(client, 0) + 1
    assert sum(min(count, 5) for count in seen.values()) == 30


SPELLINGS = [b"/login", b"/login/", b"/LOGIN", b"/Login", b"/login;a=1", b"/login;jsessionid=7", b"/%6cogin",
             b"/%6Cogin", b"/login?x=1", b"/missing"]  # fmt: skip


async def test_other_spellings_of_a_path_bring_nobody_past_a_ban() -> None:
    site = Site()
    await site.ban(BANNED)
    assert {await site.get(path, peer=BANNED) for path in SPELLINGS} == {403}
    denied = {b"/login"}
    assert [path for path in SPELLINGS if path not in denied], "control: a rule for one path misses the others"


async def test_other_spellings_of_a_path_bring_nobody_past_a_limit() -> None:
    """Path parameters, case, trailing slashes and escapes: limits count by client, never by path."""
    site = Site(rate={"mode": "enforce", "address": ["10/minute"]})
    answers = [await site.get(SPELLINGS[n % len(SPELLINGS)], peer=BANNED) for n in range(100)]
    assert answers.count(200) == 10
    by_path: dict[bytes, int] = {}
    for n in range(100):
        path = SPELLINGS[n % len(SPELLINGS)]
        by_path[path] = by_path.get(path, 0) + 1
    assert sum(min(count, 10) for count in by_path.values()) == 100, "control: counted by path, nothing is refused"


async def test_a_slash_or_an_escape_does_not_take_a_path_out_of_its_class() -> None:
    route = {"name": "login", "paths": ["/login"], "rate": {"mode": "enforce", "address": ["3/minute"]}}
    site = Site(routes=[route])
    spelled = [b"/login", b"/login/", b"/%6cogin", b"/login?x=1", b"/%6C%6Fgin/"]
    answers = [await site.get(spelled[n % len(spelled)], peer=BANNED) for n in range(20)]
    assert answers.count(200) == 3
    assert await site.get(b"/other", peer=BANNED) == 200


async def test_a_client_of_ipv6_does_not_get_away_by_taking_another_of_its_addresses() -> None:
    site = Site()
    await site.ban("2001:db8:1:2::66")
    others = [f"2001:db8:1:2:{n:x}::1" for n in range(1, 20)]
    assert {await site.get(peer=peer) for peer in others} == {403}
    assert not {"2001:db8:1:2::66"} & set(others), "control: a set of addresses holds none of them"


async def test_the_proxy_can_t_be_got_banned() -> None:
    """The reflex "ban who sent this" must not hit everybody behind the proxy."""
    site = Site()
    for target in (PROXY, "10.0.0.0/24", f"::ffff:{PROXY}"):
        with pytest.raises(ProxyBanRefused):
            await site.ban(target)
    assert await site.get(headers=[(b"x-forwarded-for", OTHER.encode())]) == 200


async def test_a_banned_user_does_not_get_in_from_another_address() -> None:
    site = Site()
    await site.ban("principal:mallory")
    assert await site.get(headers=[(b"x-user", b"mallory")], peer="192.0.2.9") == 403
    assert await site.get(headers=[(b"x-user", b"ann")], peer="192.0.2.9") == 200


async def test_an_unverified_name_bans_nobody() -> None:
    """Only a verified principal is met by a ban: who writes another's name into a header shuts nobody out."""
    site = Site()
    await site.ban("principal:ann")
    assert await site.get(headers=[(b"x-forwarded-user", b"ann")], peer="192.0.2.9") == 200


async def test_loopback_is_no_way_around_a_ban_and_the_operator_s_socket_is() -> None:
    """Everybody behind a local proxy comes from loopback, so an exemption by address is one for everybody."""
    site = Site(operator={"listen": ["127.0.0.1:9443"]})
    await site.bans.add(parse_target("127.0.0.1"), reason="", by="test", force=True)
    scope = http_scope(client=("127.0.0.1", 4711), server=("127.0.0.1", 8443))
    assert (await drive(site.app, scope, [EMPTY])).status == 403
    pretended = http_scope(headers=[(b"host", b"127.0.0.1:9443")], client=("127.0.0.1", 4711))
    assert (await drive(site.app, pretended, [EMPTY])).status == 403
    operator = http_scope(client=("127.0.0.1", 4711), server=("127.0.0.1", 9443))
    assert (await drive(site.app, operator, [EMPTY])).status == 200


async def test_a_connection_from_before_the_ban_ends_with_its_next_message() -> None:
    site = Site()

    def talk() -> list[Message]:
        return [{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": "hello"} for _ in range(3))]

    scope = websocket_scope(client=(BANNED, 4711))
    before: Driven = await drive(site.app, scope, talk(), leaves=4)
    assert [one["type"] for one in before.sent].count("websocket.send") == 3, "control"

    async def banned_meanwhile(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await site.ban(BANNED)
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "secret"})

    site.app.app = banned_meanwhile
    after = await drive(site.app, websocket_scope(client=(BANNED, 4711)), talk())
    assert [one["type"] for one in after.sent] == ["websocket.accept", "websocket.close"]
    assert after.sent[-1]["code"] == 1008
