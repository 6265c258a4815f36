"""The notes application for tests: started with its lifespan, visited by people with a cookie jar each."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from httpx_ws.transport import ASGIWebSocketTransport

from examples.notes import Settings
from garrison.asgi.types import App

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"
_FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')

Message = dict[str, Any]


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """Drive the application's lifespan as a server does."""
    to_app, from_us = anyio.create_memory_object_stream[Message](2)
    to_us, from_app = anyio.create_memory_object_stream[Message](2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, app, from_us, to_us)
        await _exchange(to_app, from_app, "startup")
        try:
            yield
        finally:
            await _exchange(to_app, from_app, "shutdown")


async def _serve(
    app: App, messages: MemoryObjectReceiveStream[Message], answers: MemoryObjectSendStream[Message]
) -> None:
    async def send(message: MutableMapping[str, Any]) -> None:
        await answers.send(dict(message))

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, messages.receive, send)


async def _exchange(
    to_app: MemoryObjectSendStream[Message], from_app: MemoryObjectReceiveStream[Message], what: str
) -> None:
    await to_app.send({"type": f"lifespan.{what}"})
    answer = await from_app.receive()
    assert answer["type"] == f"lifespan.{what}.complete", answer


class Person:
    """A browser: cookies, same-origin requests, and the CSRF token where a page would send it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    @property
    def token(self) -> str:
        """What the helper script would read."""
        return self.client.cookies.get("__Host-csrf") or ""

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def open_form(self, path: str) -> str:
        """Open a page and take the token out of its form; empty without one."""
        found = _FIELD.search((await self.get(path)).text)
        return found[1] if found else ""

    async def post(self, path: str, data: Mapping[str, str], **options: Any) -> httpx.Response:
        """Send a form as a page would: with the token in its first field."""
        return await self.client.post(path, data={"csrf_token": self.token, **data}, **options)

    async def api(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Send as fetch does: with the token in the header."""
        headers = {"X-CSRF-Token": self.token, "Accept": "application/json"}
        return await self.client.request(method, path, json=json, headers=headers)

    async def sign_up(self, email: str, name: str = "Ann", password: str = PASSWORD) -> httpx.Response:
        token = await self.open_form("/sign-up")
        return await self.post("/sign-up", {"csrf_token": token, "email": email, "name": name, "password": password})

    async def log_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        token = await self.open_form("/log-in")
        return await self.post("/log-in", {"csrf_token": token, "email": email, "password": password})

    async def write(self, title: str, body: str = "", *, shared: bool = False) -> str:
        """Write a note; its id."""
        answer = await self.api("POST", "/api/notes", {"title": title, "body": body, "shared": shared})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def upload(self, note: str, content: bytes, name: str = "plan.txt") -> httpx.Response:
        return await self.client.post(
            f"/notes/{note}/attachments", data={"csrf_token": self.token}, files={"file": (name, content)}
        )


class Site:
    """The running application. `visitor()` is a new browser, `member()` one that is logged in."""

    def __init__(self, app: App, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Person]:
        transport = ASGIWebSocketTransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost", headers=BROWSER) as client:
            yield Person(client)

    @asynccontextmanager
    async def member(self, email: str = "ann@example.com", name: str = "Ann") -> AsyncIterator[Person]:
        async with self.visitor() as person:
            await person.sign_up(email, name)
            answer = await person.log_in(email)
            assert answer.status_code == 303, answer.text
            yield person

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Person]:
        """The seeded user."""
        async with self.visitor() as person:
            answer = await person.log_in("demo@example.com", self.settings.demo_password.reveal())
            assert answer.status_code == 303, answer.text
            yield person
