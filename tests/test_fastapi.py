"""garrison.fastapi: dependencies, limits, pages, refusals in the schema, and the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, Response
from httpx_ws import AsyncWebSocketSession, aconnect_ws
from httpx_ws.transport import ASGIWebSocketTransport
from starlette.testclient import TestClient, WebSocketDenialResponse

from garrison import harden
from garrison.asgi.types import App
from garrison.core.exchange import Principal
from garrison.fastapi import (
    CsrfToken,
    CurrentPrincipal,
    Garrison,
    Nonce,
    current_principal,
    docs,
    limit,
    refusals,
    template_context,
    templates,
)
from garrison.testing import FrozenClock, assert_passed, assert_refused, captured_events, testing_policy

pytestmark = pytest.mark.anyio

ON = {"mode": "enforce"}
WATCH = {"mode": "monitor"}


def visit(app: App) -> httpx.AsyncClient:
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://testserver", headers=headers)


def limited(*rates: str, **options: Any) -> FastAPI:
    """An application with a limit at `/limited` and none at `/free`."""
    app = FastAPI()

    @app.get("/limited", dependencies=[Depends(limit(*rates, **options))])
    async def charged() -> str:
        return "content"

    @app.get("/free")
    async def free() -> str:
        return "content"

    @app.post("/log-in/{name}")
    async def log_in(name: str, garrison: Garrison) -> str:
        await garrison.log_in(Principal(name))
        return "in"

    return app


async def test_an_endpoints_limit_is_charged_there_and_nowhere_else() -> None:
    clock = FrozenClock()
    async with visit(harden(limited("2/minute"), testing_policy(rate=ON), clock=clock.clock)) as client:
        for _ in range(2):
            assert_passed(await client.get("/limited"), 200)
        refused = await client.get("/limited")
        assert_refused(refused, "rate-limited", 429)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "30"
        assert "endpoint:GET /limited" in refused.headers["ratelimit"]
        assert_passed(await client.get("/free"), 200)
        clock.advance(30)
        assert_passed(await client.get("/limited"), 200)


async def test_endpoints_whose_own_paths_are_the_same_are_counted_apart() -> None:
    """Two routers with a path of one name, and two methods at one path: else the busy one shuts out the other."""
    app, here = FastAPI(), {"dependencies": [Depends(limit("2/minute"))]}
    for prefix in ("/notes", "/people/{group}"):
        router = APIRouter(prefix=prefix)
        router.get("/list", **here)(lambda: 1)  # type: ignore[arg-type]
        router.post("/list", dependencies=[Depends(limit("1/minute"))])(lambda: 1)
        app.include_router(router, prefix="/v1")
    paths = ["/v1/notes/list", "/v1/people/a/list"]
    clock = FrozenClock()
    async with visit(harden(app, testing_policy(rate=ON), clock=clock.clock)) as client:
        statuses = [(await client.get(path)).status_code for path in paths * 2]
        statuses += [(await client.post(path)).status_code for path in paths]
        assert statuses == [200] * 6
        refused = await client.get("/v1/people/b/list")
        assert_refused(refused, "rate-limited", 429)
        assert '"endpoint:GET /v1/people/{group}/list"' in refused.headers["ratelimit"], (
            "what a client chooses is no name"
        )


def test_at_a_websocket_the_handshake_is_charged() -> None:
    app = FastAPI()

    @app.websocket("/live", dependencies=[Depends(limit("1/minute"))])
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")

    hardened = harden(app, testing_policy(rate=ON), clock=FrozenClock().clock)
    with captured_events(hardened) as events:
        client, ours = TestClient(hardened, base_url="https://testserver"), {"Origin": "https://testserver"}
        with client.websocket_connect("/live", headers=ours) as socket:
            assert socket.receive_text() == "hello"
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/live", headers=ours):
            pass
    assert refused.value.status_code == 429
    assert [event.reason for event in events if event.reason] == ["rate-limited"]


@pytest.mark.parametrize(
    "wrong", [lambda: limit("5/minute", by="adress"), lambda: limit(), lambda: limit("5/lightyear")]
)
def test_a_limit_that_can_t_be_meant_is_told_when_it_is_written(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"by is one of|at least one|not a rate"):
        wrong()


async def test_an_endpoints_limit_only_records_in_monitor_mode() -> None:
    app = harden(limited("1/minute"), testing_policy(rate=WATCH))
    async with visit(app) as client:
        with captured_events(app) as events:
            assert_passed(await client.get("/limited"), 200)
            assert not events.names()
            assert_passed(await client.get("/limited"), 200)
        assert [(event.reason, event.mode) for event in events] == [("rate-limited", "monitor")]


async def test_several_rates_hold_at_once_under_a_name_of_ones_own() -> None:
    app = harden(
        limited("9/minute", "1/second burst 1", name="search"), testing_policy(rate=ON), clock=FrozenClock().clock
    )
    async with visit(app) as client:
        assert_passed(await client.get("/limited"), 200)
        refused = await client.get("/limited")
        assert_refused(refused, "rate-limited", 429)
        assert "endpoint:search" in refused.headers["ratelimit"]


async def test_a_principals_limit_counts_each_person_apart_and_spares_the_anonymous() -> None:
    app = harden(limited("1/minute", by="principal"), testing_policy(rate=ON), clock=FrozenClock().clock)
    async with visit(app) as ann, visit(app) as bob, visit(app) as nobody:
        await ann.post("/log-in/ann")
        await bob.post("/log-in/bob")
        assert_passed(await ann.get("/limited"), 200)
        assert_refused(await ann.get("/limited"), "rate-limited", 429)
        assert_passed(await bob.get("/limited"), 200)
        for _ in range(3):
            assert_passed(await nobody.get("/limited"), 200)


@pytest.mark.parametrize("make", [lambda: limit(), lambda: limit("often"), lambda: limit("1/minute", name="nämé")])
def test_a_limit_that_can_not_be_is_refused_where_it_is_written(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"rate|name"):
        make()


def asking() -> FastAPI:
    """An application whose endpoints ask for what Garrison knows."""
    app = FastAPI()
    page = templates(Path(__file__).parent)

    @app.get("/nonce")
    async def nonce(nonce: Nonce) -> str:
        return nonce

    @app.get("/token")
    async def token(token: CsrfToken) -> str:
        return token

    @app.get("/principal")
    async def principal(principal: CurrentPrincipal) -> str:
        return principal.id

    @app.get("/maybe")
    async def maybe(request: Request) -> str:
        found = current_principal(request)
        return found.id if found else "nobody"

    @app.get("/limit", dependencies=[Depends(limit("1/minute"))])
    async def limited() -> str:
        return "content"

    @app.get("/page")
    async def rendered(request: Request) -> Response:
        return page.TemplateResponse(request, "missing.html")

    docs(app)
    return app


@pytest.mark.parametrize("path", ["/nonce", "/token", "/principal", "/maybe", "/limit", "/page", "/docs"])
async def test_nothing_works_silently_without_garrison(path: str) -> None:
    app = asking()
    async with visit(app) as client:
        with pytest.raises(RuntimeError, match="not behind Garrison"):
            await client.get(path)


async def test_dependencies_give_what_garrison_knows() -> None:
    async with visit(harden(asking(), testing_policy())) as client:
        nonce = await client.get("/nonce")
        assert f"'nonce-{nonce.json()}'" in nonce.headers["content-security-policy"]
        token = (await client.get("/token")).json()
        assert token == client.cookies["__Host-csrf"]
        assert (await client.get("/principal")).status_code == 401
        assert (await client.get("/maybe")).json() == "nobody"


async def test_dependencies_work_at_a_websocket() -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def talk(socket: WebSocket, garrison: Garrison) -> None:
        await socket.accept()
        await socket.send_text(garrison.request_id)

    transport = ASGIWebSocketTransport(app=harden(app, testing_policy()))
    socket: AsyncWebSocketSession
    async with (
        httpx.AsyncClient(transport=transport, base_url="https://testserver") as client,
        aconnect_ws("wss://testserver/ws", client, headers={"Origin": "https://testserver"}) as socket,
    ):
        assert await socket.receive_text(timeout=5)


FORM = """<form method="post">{{ csrf_field() }}<b>{{ text }}</b></form><script nonce="{{ nonce }}"></script>"""
PLAIN = """<p>{{ text }}, {{ principal.id if principal else "nobody" }}</p>"""


@pytest.fixture
def pages(tmp_path: Path) -> FastAPI:
    (tmp_path / "form.jinja").write_text(FORM)
    (tmp_path / "plain.jinja").write_text(PLAIN)
    page = templates(tmp_path)
    app = FastAPI()

    @app.get("/{name}")
    async def show(request: Request, name: str) -> Response:
        return page.TemplateResponse(request, f"{name}.jinja", {"text": "<i>O'Brien</i>"})

    @app.post("/form")
    async def take() -> str:
        return "taken"

    return app


async def test_a_rendered_form_is_accepted_and_escaped_whatever_the_templates_ending(pages: FastAPI) -> None:
    async with visit(harden(pages, testing_policy())) as client:
        answer = await client.get("/form")
        assert "<b>&lt;i&gt;O&#39;Brien&lt;/i&gt;</b>" in answer.text
        nonce = re.search(r'<script nonce="([^"]+)">', answer.text)
        assert nonce
        assert f"'nonce-{nonce[1]}'" in answer.headers["content-security-policy"]
        field = re.search(r'<input type="hidden" name="csrf_token" value="([^"]+)">', answer.text)
        assert field
        assert_refused(await client.post("/form", data={"text": "x"}), "csrf-missing", 403)
        assert_passed(await client.post("/form", data={"csrf_token": field[1]}), 200)


async def test_a_page_without_a_form_starts_no_session(pages: FastAPI) -> None:
    async with visit(harden(pages, testing_policy())) as client:
        answer = await client.get("/plain")
        assert "nobody" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_context_processor_is_all_that_own_templates_need(pages: FastAPI) -> None:
    assert template_context.__module__ == "garrison.fastapi.pages"
    assert template_context in templates(".").context_processors


def test_refusals_stand_in_the_schema() -> None:
    app = FastAPI()

    @app.get("/all", responses=refusals())
    async def everything() -> str:
        return ""

    @app.get("/some", responses=refusals(429))
    async def some() -> str:
        return ""

    paths = app.openapi()["paths"]
    assert {"400", "403", "413", "415", "429", "503"} <= paths["/all"]["get"]["responses"].keys()
    assert "403" not in paths["/some"]["get"]["responses"]
    problem = paths["/some"]["get"]["responses"]["429"]["content"]["application/problem+json"]["schema"]
    assert {"type", "title", "status"} == set(problem["required"])


async def test_a_refusal_has_the_shape_that_the_schema_promises() -> None:
    promised = refusals(429)[429]["content"]["application/problem+json"]["schema"]
    async with visit(harden(limited("1/minute"), testing_policy(rate=ON))) as client:
        await client.get("/limited")
        problem = (await client.get("/limited")).json()
        assert set(promised["required"]) <= problem.keys() <= promised["properties"].keys()


def test_a_status_that_is_never_a_refusal_is_not_promised() -> None:
    with pytest.raises(ValueError, match="418"):
        refusals(418)


async def test_the_documentation_loads_only_from_its_own_origin_and_by_nonce() -> None:
    async with visit(harden(asking(), testing_policy())) as client:
        page = await client.get("/docs")
        policy = page.headers["content-security-policy"]
        assert "'unsafe-inline'" not in policy
        addresses = re.findall(r'(?:src|href|data-schema)="([^"]*)"', page.text)
        assert len(addresses) == 6
        assert all(address.startswith("/") and not address.startswith("//") for address in addresses)
        scripts = re.findall(r'<script src="[^"]+" nonce="([^"]+)"></script>', page.text)
        assert page.text.count("<script") == len(scripts) == 3
        assert all(f"'nonce-{nonce}'" in policy for nonce in scripts)
        for address in addresses:
            answer = await client.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_documentation_takes_the_place_of_pages_that_load_from_elsewhere() -> None:
    before = FastAPI()
    async with visit(before) as client:
        assert "https://cdn." in (await client.get("/docs")).text  # the control
    after = FastAPI(title="<b>Shop</b>")
    docs(after, "/api-docs", csrf_script="/security/csrf.js")
    async with visit(harden(after, testing_policy(prefix="/security/"))) as client:
        page = (await client.get("/api-docs")).text
        assert "&lt;b&gt;Shop&lt;/b&gt;" in page
        assert '<script src="/security/csrf.js"' in page
        for gone in ("/docs", "/redoc", "/docs/oauth2-redirect"):
            assert (await client.get(gone)).status_code == 404


async def test_the_documentation_spares_routes_of_ones_own_at_the_same_places() -> None:
    app = FastAPI()
    app.add_route("/redoc", lambda request: PlainTextResponse("mine"))
    docs(app)
    async with visit(harden(app, testing_policy())) as client:
        assert (await client.get("/redoc")).text == "mine"


def test_an_application_without_a_schema_has_nothing_to_document() -> None:
    with pytest.raises(ValueError, match="openapi_url"):
        docs(FastAPI(openapi_url=None))
