"""Downloads: a name, no sniffing, a sandbox; Range and conditions as RFC 9110 has them; links that end."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from garrison import harden
from garrison.core.exchange import Principal
from garrison.core.verdict import Reason
from garrison.fastapi import Garrison, download, link, signed_link
from garrison.inputs.downloads import disposition
from garrison.testing import FrozenClock, assert_refused, testing_policy

pytestmark = pytest.mark.anyio
CONTENT = bytes(range(256)) * 10
TAG = hashlib.sha256(CONTENT).hexdigest()
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


class Site:
    def __init__(self, folder: Path, **policy: Any) -> None:
        self.clock = FrozenClock()
        path = folder / "stored"
        path.write_bytes(CONTENT)
        app = FastAPI()

        @app.get("/files/{name}")
        async def get(request: Request, name: str, media: str = "text/html", inline: bool = False) -> Response:
            return download(request, path, name, TAG, media=media, inline=inline, age=60)

        @app.get("/signed/{name}", dependencies=[signed_link])
        async def signed(request: Request, name: str) -> Response:
            return download(request, path, name, TAG)

        @app.get("/link")
        async def make(request: Request, principal: str = "") -> str:
            return link(request, "/signed/a.txt", "10 min", principal=principal)

        @app.post("/log-in/{name}")
        async def log_in(name: str, garrison: Garrison) -> None:
            await garrison.log_in(Principal(name))

        self.app = harden(app, testing_policy(**policy), clock=self.clock.clock)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app)
        headers = {"Sec-Fetch-Site": "same-origin"}
        async with httpx.AsyncClient(transport=transport, base_url="https://testserver", headers=headers) as client:
            yield client


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


NAMES = {
    "a.txt": 'attachment; filename="a.txt"',
    "O'Brien (2).txt": 'attachment; filename="O\'Brien (2).txt"',
    "größe 🚀.txt": "attachment; filename=\"gr__e _.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%F0%9F%9A%80.txt",
    "50%25.txt": "attachment; filename=\"50_25.txt\"; filename*=UTF-8''50%2525.txt",
}


@pytest.mark.parametrize(("name", "header"), NAMES.items())
def test_a_name_is_told_to_old_and_new_clients(name: str, header: str) -> None:
    assert disposition(name) == header


@pytest.mark.parametrize(
    "name", ['a"; filename="b.exe', "a\r\nSet-Cookie: x=1", "../../x.txt", "a\u202etxt.exe", "\ud83d", ""]
)
def test_no_name_ends_the_header_or_leaves_the_folder(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    shown = message.get_filename() or ""
    assert not set('"/\\\r\n') & set(shown)
    assert header.count('"') == 2


async def test_a_download_never_becomes_a_page(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/files/a.html")
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert SANDBOX in answer.headers.get_list("content-security-policy")


@pytest.mark.parametrize("mode", ["enforce", "monitor", "off"])
async def test_the_sandbox_is_there_whatever_the_policy_says(tmp_path: Path, mode: str) -> None:
    site = Site(tmp_path, csp={"mode": mode, **({"allow_insecure_off": "a test"} if mode == "off" else {})})
    async with site.client() as client:
        for path in ("/files/a.html", "/files/a.png?media=image/png&inline=true"):
            assert SANDBOX in (await client.get(path)).headers.get_list("content-security-policy")
        assert SANDBOX not in (await client.get("/link")).headers.get_list("content-security-policy")  # the control


async def test_only_pictures_are_shown_in_place(site: Site) -> None:
    async with site.client() as client:
        picture = await client.get("/files/a.png?media=image/png&inline=true")
        for media in ("text/html", "image/svg+xml", "application/pdf", "text/plain"):
            other = await client.get("/files/a?inline=true", params={"media": media, "inline": "true"})
            assert other.headers["content-disposition"].startswith("attachment")
            assert other.headers["content-type"] == "application/octet-stream"
    assert picture.headers["content-disposition"].startswith("inline")
    assert picture.headers["content-type"] == "image/png"


async def test_ranges_and_conditions(site: Site) -> None:
    async with site.client() as client:

        async def get(**headers: str) -> httpx.Response:
            return await client.get(
                "/files/a", headers={name.replace("_", "-"): value for name, value in headers.items()}
            )

        whole = await get()
        tag = whole.headers["etag"]
        assert (tag, whole.headers["accept-ranges"]) == (f'"{TAG}"', "bytes")
        part = await get(range="bytes=10-19")
        assert (part.status_code, part.content, part.headers["content-range"]) == (
            206,
            CONTENT[10:20],
            "bytes 10-19/2560",
        )
        assert (await get(range="bytes=-5")).content == CONTENT[-5:]
        assert (await get(range="bytes=9999-")).status_code == 416
        assert (await get(range="bytes=0-1,5-6")).status_code == 206
        assert (await get(range="Bytes = 0-1")).status_code == 206
        assert ((other := await get(range="items=0-1")).status_code, other.content) == (
            200,
            CONTENT,
        )
        assert (await get(range="bytes=10-19", if_range=tag)).status_code == 206
        assert (await get(range="bytes=10-19", if_range='"another"')).content == CONTENT
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            answer = await get(if_none_match=known)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (await get(if_none_match='"another"')).status_code == 200
        many = await get(range="bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)))
        assert many.status_code < 500
        assert len(many.content) < 200_000


async def test_a_link_works_for_whoever_has_it_until_it_ends(site: Site) -> None:
    async with site.client() as client:
        link = (await client.get("/link")).json()
        assert (await client.get(link)).content == CONTENT
        site.clock.advance(599)
        assert (await client.get(link)).status_code == 200
        site.clock.advance(3)
        assert_refused(await client.get(link), Reason.CREDENTIAL_INVALID, 403)


async def test_a_link_that_was_changed_or_repeated_is_refused(site: Site) -> None:
    async with site.client() as client:
        good = (await client.get("/link")).json()
        path, _, query = good.partition("?")
        expires, _, signature = query.partition("&")
        for bad in (
            path, f"{path}?{expires}", f"{path}?{signature}", good.replace("a.txt", "b.txt"), good[:-1],
            f"{path}?expires=9999999999&{signature}", f"{good}&{expires}", f"{good}&{signature}",
            f"{path}?expires=%D9%A1&{signature}", f"{path}?expires=-1&{signature}", f"{path}?expires=1e9&{signature}",
        ):  # fmt: skip
            assert_refused(await client.get(bad), Reason.CREDENTIAL_INVALID, 403)
        assert (await client.get(good)).status_code == 200  # the control


async def test_a_link_for_somebody_is_for_nobody_else(site: Site) -> None:
    async with site.client() as ann, site.client() as bob, site.client() as nobody:
        await ann.post("/log-in/ann")
        await bob.post("/log-in/bob")
        link = (await ann.get("/link?principal=ann")).json()
        assert [(await who.get(link)).status_code for who in (ann, bob, nobody)] == [200, 403, 403]
