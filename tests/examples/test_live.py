"""Live updates: who hears what, and when a socket ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from httpx_ws import AsyncWebSocketSession, WebSocketDisconnect, WebSocketUpgradeError, aconnect_ws

from .site import Person, Site

pytestmark = pytest.mark.anyio

URL = "wss://localhost/live"
OWN = {"Origin": "https://localhost"}
REFUSED = (WebSocketUpgradeError, WebSocketDisconnect)
"""Before the handshake is done: as an HTTP answer, or as a close."""


@asynccontextmanager
async def listening(person: Person) -> AsyncIterator[AsyncWebSocketSession]:
    """A socket that hears from now on."""
    socket: AsyncWebSocketSession
    async with aconnect_ws(URL, person.client, headers=OWN) as socket:
        await anyio.wait_all_tasks_blocked()
        yield socket


async def heard(socket: AsyncWebSocketSession) -> tuple[str, str]:
    message: Any = await socket.receive_json(timeout=5)
    return message["kind"], message["note"]["title"] if message["note"] else ""


async def test_a_note_written_in_one_tab_appears_in_another(site: Site) -> None:
    async with site.member() as ann, listening(ann) as socket:
        note = await ann.write("Hello 🚀")
        assert await heard(socket) == ("created", "Hello 🚀")
        await ann.api("PUT", f"/api/notes/{note}", {"title": "Changed"})
        assert await heard(socket) == ("updated", "Changed")
        await ann.post(f"/notes/{note}/delete", {})
        assert await heard(socket) == ("deleted", "")


async def test_others_hear_of_shared_notes_alone(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob, listening(bob) as socket:
        note = await ann.write("Private")
        await ann.write("Shared", shared=True)
        assert await heard(socket) == ("created", "Shared")
        await ann.api("PUT", f"/api/notes/{note}", {"title": "Now shared", "shared": True})
        assert await heard(socket) == ("updated", "Now shared")
        await ann.api("PUT", f"/api/notes/{note}", {"title": "Secret again", "shared": False})
        assert await heard(socket) == ("deleted", "")


async def test_nobody_listens_without_a_log_in(site: Site) -> None:
    async with site.visitor() as person:
        with pytest.raises(REFUSED):
            async with aconnect_ws(URL, person.client, headers=OWN):
                pass


async def test_a_page_of_another_site_can_not_listen_with_a_members_cookies(site: Site) -> None:
    async with site.member() as ann:
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        with pytest.raises(REFUSED):
            async with aconnect_ws(URL, ann.client, headers=headers):
                pass
        async with listening(ann) as socket:  # the control: the same cookies from our own page
            await ann.write("Hello")
            assert await heard(socket) == ("created", "Hello")


async def test_a_log_out_closes_the_sockets_of_its_session(site: Site) -> None:
    async with site.member() as ann, listening(ann) as socket:
        await ann.post("/log-out", {})
        with pytest.raises(WebSocketDisconnect) as end:
            await socket.receive_json(timeout=5)
        assert end.value.code == 1008


async def test_disabling_an_account_closes_its_sockets(site: Site) -> None:
    async with site.admin() as admin, site.member() as ann, listening(ann) as socket:
        ident = (await ann.get("/api/me")).json()["id"]
        await admin.post(f"/admin/users/{ident}", {"disabled": "true"})
        with pytest.raises(WebSocketDisconnect):
            await socket.receive_json(timeout=5)


async def test_one_person_has_ten_sockets_at_most(site: Site) -> None:
    async with site.member() as ann:
        async with AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(listening(ann))
            with pytest.raises(REFUSED):
                async with listening(ann) as socket:
                    await socket.receive_json(timeout=5)
        async with listening(ann) as socket:  # the control: closed ones make room
            await ann.write("Hello")
            assert await heard(socket) == ("created", "Hello")


async def test_a_message_from_the_page_is_dropped(site: Site) -> None:
    async with site.member() as ann, listening(ann) as socket:
        await socket.send_text('{"kind": "created"}')
        await socket.send_bytes(b"\x00\xff")
        await ann.write("Hello")
        assert await heard(socket) == ("created", "Hello")


async def test_a_message_that_is_too_large_ends_the_connection(site: Site) -> None:
    async with site.member() as ann, listening(ann) as socket:
        await socket.send_text("x" * 70_000)
        with pytest.raises(WebSocketDisconnect):
            await socket.receive_json(timeout=5)
