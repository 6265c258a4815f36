"""Every route is found, wherever it hides, and those that don't say who may use them are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Router, WebSocketRoute
from starlette.routing import Route as StarletteRoute
from starlette.staticfiles import StaticFiles

from garrison.accounts.authorisation_routes import (
    RoutesUndeclared,
    RoutesUnknown,
    find_routes,
    refuse_undeclared,
)
from garrison.fastapi import (
    CurrentPrincipal,
    allow,
    authenticated,
    fresh_login,
    guarded,
    limit,
    logged_in,
    public,
    requires,
    scope,
)


def bare(**options: Any) -> FastAPI:
    return FastAPI(openapi_url=None, **options)


def undeclared(app: object, public: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of routes without access. Contradictions and unused paths fail the test."""
    try:
        refuse_undeclared(app, public)
    except RoutesUndeclared as error:
        if error.torn or error.unused:
            raise
        return error.undeclared
    return ()


async def page(request: Request) -> Response:
    return PlainTextResponse("page")


async def talk(socket: WebSocket) -> None:
    await socket.accept()


async def deeper(who: CurrentPrincipal) -> str:
    return who.id


async def deep(name: Annotated[str, Depends(deeper)]) -> str:
    return name


class Pages(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("page")


class TestFastAPI:
    def test_a_forgotten_route_is_named_and_a_declared_one_is_not(self) -> None:
        app = bare()
        app.get("/told", dependencies=[public])(lambda: 1)
        app.get("/forgotten")(lambda: 1)
        app.post("/limited", dependencies=[Depends(limit("5/minute"))])(lambda: 1)
        assert undeclared(app) == ("GET /forgotten", "POST /limited")

    @pytest.mark.parametrize(
        "declared",
        [public, authenticated, logged_in, scope("a"), allow(lambda *_: True), Depends(fresh_login("5 min"))],
    )
    def test_each_way_to_declare_counts(self, declared: Any) -> None:
        app = bare()
        app.get("/", dependencies=[declared])(lambda: 1)
        assert undeclared(app) == ()

    def test_declared_as_a_parameter_and_deep_down_counts(self) -> None:
        app = bare()
        app.get("/deep")(deep)
        assert undeclared(app) == ()

    def test_the_application_or_a_router_may_declare_for_all(self) -> None:
        whole = bare(dependencies=[authenticated])
        whole.get("/a")(lambda: 1)
        app, router = bare(), APIRouter(prefix="/r", dependencies=[scope("r")])
        router.get("/a")(lambda: 1)
        app.include_router(router)
        assert undeclared(whole) == undeclared(app) == ()

    def test_routers_in_routers_are_walked_with_their_prefixes(self) -> None:
        app, outer, inner = bare(), APIRouter(prefix="/outer"), APIRouter(prefix="/inner")
        inner.get("/{note}")(lambda note: 1)
        inner.websocket("/live")(talk)
        outer.include_router(inner)
        app.include_router(outer, prefix="/v1")
        assert undeclared(app) == ("GET /v1/outer/inner/{note}", "WEBSOCKET /v1/outer/inner/live")
        app = bare()
        app.include_router(outer, dependencies=[authenticated])
        assert undeclared(app) == ()

    def test_plain_routes_in_a_router_are_not_covered_by_its_dependencies(self) -> None:
        """FastAPI asks a router's dependencies for its own routes only."""
        app, router = bare(), APIRouter(dependencies=[authenticated])
        router.add_route("/plain", page)
        router.mount("/files", Starlette(routes=[StarletteRoute("/x", page)]))
        app.include_router(router)
        assert undeclared(app) == ("GET /plain", "GET /files/x")

    def test_a_web_socket_counts_like_any_route(self) -> None:
        app = bare()
        app.websocket("/told", dependencies=[authenticated])(talk)
        app.websocket("/forgotten")(talk)
        assert undeclared(app) == ("WEBSOCKET /forgotten",)

    def test_the_pages_that_fastapi_adds_by_itself_are_found(self) -> None:
        app = FastAPI()
        pages = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
        assert undeclared(app) == tuple(f"GET {path}" for path in pages)
        assert undeclared(app, pages) == ()

    def test_an_application_that_hides_behind_middleware_is_found(self) -> None:
        app = bare()
        app.get("/forgotten")(lambda: 1)
        assert undeclared(GZipMiddleware(app)) == ("GET /forgotten",)

    def test_a_single_page_application_is_found(self, tmp_path: Path) -> None:
        if not hasattr(FastAPI, "frontend"):
            pytest.skip("this FastAPI has no frontend()")
        (tmp_path / "index.html").touch()
        app, router = bare(), APIRouter(prefix="/r")
        app.frontend("/app", directory=tmp_path)
        router.frontend("/ui", directory=tmp_path)
        app.include_router(router)
        assert undeclared(app) == ("GET /app", "GET /r/ui")
        app = bare(dependencies=[authenticated])
        app.frontend("/app", directory=tmp_path)
        assert undeclared(app) == ()


class TestStarlette:
    def test_routes_mounts_hosts_and_sockets_are_walked(self) -> None:
        inner = Starlette(routes=[StarletteRoute("/x", page), WebSocketRoute("/ws", talk)])
        app = Starlette(
            routes=[
                StarletteRoute("/", page),
                StarletteRoute("/class", Pages),
                Mount("/a", routes=[Mount("/b", inner)]),
                Host("api.example", Router([StarletteRoute("/q", page, methods=["POST"])])),
            ]
        )
        assert undeclared(app) == ("GET /", "ALL /class", "GET /a/b/x", "WEBSOCKET /a/b/ws", "POST api.example/q")

    def test_an_endpoint_that_requires_something_is_declared(self) -> None:
        app = Starlette(
            routes=[
                StarletteRoute("/", requires(public)(page)),
                WebSocketRoute("/ws", requires(authenticated)(talk)),
                StarletteRoute("/class", guarded(Pages, authenticated)),
            ]
        )
        assert undeclared(app) == ()

    def test_files_and_foreign_applications_are_undeclared_until_they_are_guarded(self, tmp_path: Path) -> None:
        async def foreign(scope: Any, receive: Any, send: Any) -> None: ...

        files = StaticFiles(directory=tmp_path)
        app = Starlette(routes=[Mount("/static", files), Mount("/other", foreign)])
        assert undeclared(app) == ("ALL /static", "ALL /other")
        app = Starlette(routes=[Mount("/static", guarded(files, public)), Mount("/other", guarded(foreign, logged_in))])
        assert undeclared(app) == ()
        assert undeclared(Starlette(routes=[Mount("/static", files)]), ("/static",)) == ()

    def test_a_guard_holds_for_everything_below_it(self) -> None:
        below = Starlette(routes=[StarletteRoute("/x", page)])
        assert undeclared(Starlette(routes=[Mount("/a", guarded(below, authenticated))])) == ()
        assert undeclared(guarded(below, authenticated)) == ()


class TestTheError:
    def test_it_names_all_of_them_at_once_and_says_what_to_do(self) -> None:
        app = bare()
        for path in ("/a", "/b"):
            app.get(path)(lambda: 1)
        with pytest.raises(RoutesUndeclared) as error:
            refuse_undeclared(app)
        assert error.value.undeclared == ("GET /a", "GET /b")
        for part in ("  GET /a\n", "  GET /b\n", "guarded"):
            assert part in str(error.value)

    def test_public_and_something_else_is_a_contradiction(self) -> None:
        app = bare(dependencies=[authenticated])
        app.get("/log-in", dependencies=[public])(lambda: 1)
        with pytest.raises(RoutesUndeclared) as error:
            refuse_undeclared(app)
        assert error.value.torn == ("GET /log-in",)

    def test_a_public_path_that_fits_no_route_is_a_spelling_error(self) -> None:
        with pytest.raises(RoutesUndeclared) as error:
            refuse_undeclared(bare(), ("/statics",))
        assert error.value.unused == ("/statics",)

    def test_an_application_without_routes_to_show_is_refused(self) -> None:
        async def opaque(scope: Any, receive: Any, send: Any) -> None: ...

        with pytest.raises(RoutesUnknown):
            refuse_undeclared(opaque)
        refuse_undeclared(guarded(opaque, authenticated))

    def test_an_application_that_mounts_itself_ends_somewhere(self) -> None:
        app = bare()
        app.mount("/again", app)
        assert any("…" in route.path for route in find_routes(app))


def test_only_our_own_dependencies_make_a_guard() -> None:
    for wrong in (Depends(page), page, None):
        with pytest.raises(TypeError):
            guarded(bare(), wrong)  # type: ignore[arg-type]
