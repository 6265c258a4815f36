"""A careless application's session cookie is stolen or sent along. The controls: that application without Garrison."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.attacks.bank import HOST, guard, visitor

pytestmark = pytest.mark.anyio


async def careless(request: Request) -> Response:
    answer = PlainTextResponse("welcome")
    answer.raw_headers.append((b"set-cookie", b"sid=secret; Path=/"))
    answer.raw_headers.append((b"set-cookie", b"csrftoken=readable; Path=/"))
    return answer


async def echo(request: Request) -> Response:
    return PlainTextResponse(request.cookies.get("sid", ""))


APP = Starlette(routes=[Route("/", careless), Route("/echo", echo)])


@pytest.fixture
def site(tmp_path: Path) -> Any:
    return guard(APP, tmp_path)


async def cookies_of(app: Any) -> dict[str, dict[str, Any]]:
    """Each cookie's attributes as a client reads them."""
    lines = (await visitor(app).get("/")).headers.get_list("set-cookie")
    return {name: dict(morsel) for line in lines for name, morsel in SimpleCookie(line).items()}


async def test_an_injected_script_cannot_read_the_session_cookie(site: Any) -> None:
    assert not (await cookies_of(APP))["sid"]["httponly"]
    assert (await cookies_of(site))["sid"]["httponly"]


async def test_the_cookie_front_ends_read_stays_readable(site: Any) -> None:
    assert not (await cookies_of(site))["csrftoken"]["httponly"]


async def test_whoever_owns_the_network_path_never_sees_the_session_cookie(site: Any) -> None:
    """One plain http request to the same host is enough without Secure (RFC 6265bis, section 8.3)."""
    for app, seen in ((APP, "secret"), (site, "")):
        browser = visitor(app)
        await browser.get("/")
        plain = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=APP), base_url=f"http://{HOST}", cookies=browser.cookies
        )
        assert (await plain.get("/echo")).text == seen


async def test_a_foreign_pages_post_does_not_carry_the_session_cookie(site: Any) -> None:
    assert not (await cookies_of(APP))["sid"]["samesite"]
    assert {each["samesite"] for each in (await cookies_of(site)).values()} == {"Lax"}


async def test_two_cookies_of_one_answer_both_arrive(site: Any) -> None:
    """A middleware that keeps headers in a dictionary loses one: the control is such a dictionary."""
    answer = await visitor(site).get("/")
    assert len(dict(answer.headers.raw)) < len(answer.headers.raw)
    assert set(await cookies_of(site)) == {"sid", "csrftoken"}
