"""One small site in five frameworks: a form, a redirect, a crash, a static file, a WebSocket where they can.

| path         | answer                                                              |
| `/`          | the CSRF token for a form, from Garrison's one key in the ASGI state |
| `/save`      | POST: the field `text` of the form                                   |
| `/away`      | a redirect to `/`                                                    |
| `/crash`     | raises, with a secret in the message                                 |
| `/static/…`  | a file of the folder `static`                                        |
| `/live`      | WebSocket: sends back what it gets                                   |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

FOLDER = Path(__file__).with_name("static")
SECRET = "hunter2-in-a-message"


def _token(scope: Any) -> str:
    return str(scope["state"]["garrison"].csrf_token)


def starlette_site() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles
    from starlette.websockets import WebSocket

    async def home(request: Request) -> Response:
        return HTMLResponse(_token(request.scope))

    async def save(request: Request) -> Response:
        return PlainTextResponse(str((await request.form()).get("text", "")))

    async def away(request: Request) -> Response:
        return RedirectResponse("/")

    async def crash(request: Request) -> Response:
        raise RuntimeError(SECRET)

    async def live(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/save", save, methods=["POST"]),
            Route("/away", away),
            Route("/crash", crash),
            Mount("/static", StaticFiles(directory=FOLDER)),
            WebSocketRoute("/live", live),
        ]
    )


def fastapi_site() -> Any:
    from fastapi import FastAPI, Form, Request, WebSocket
    from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
    from fastapi.staticfiles import StaticFiles

    app = FastAPI()

    async def home(request: Request) -> HTMLResponse:
        return HTMLResponse(_token(request.scope))

    async def save(text: Any) -> PlainTextResponse:
        return PlainTextResponse(str(text))

    async def away() -> RedirectResponse:
        return RedirectResponse("/")

    async def crash() -> None:
        raise RuntimeError(SECRET)

    async def live(socket: Any) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    # annotations are looked up in the module, where these names are not: the functions carry them instead
    home.__annotations__ = {"request": Request}
    save.__annotations__ = {"text": Annotated[str, Form()]}
    live.__annotations__ = {"socket": WebSocket}
    app.get("/", response_class=HTMLResponse)(home)
    app.post("/save", response_class=PlainTextResponse)(save)
    app.get("/away", response_class=RedirectResponse)(away)
    app.get("/crash")(crash)
    app.websocket("/live")(live)
    app.mount("/static", StaticFiles(directory=FOLDER))
    return app


def litestar_site() -> Any:
    import litestar
    from litestar.response import Redirect
    from litestar.static_files import create_static_files_router

    async def home(request: Any) -> str:
        return _token(request.scope)

    async def save(request: Any) -> str:
        return str((await request.form()).get("text", ""))

    async def away() -> Any:
        return Redirect("/")

    async def crash() -> None:
        raise RuntimeError(SECRET)

    async def live(socket: Any) -> None:
        await socket.accept()
        async for text in socket.iter_data(mode="text"):
            await socket.send_text(text)

    home.__annotations__ = {"request": litestar.Request, "return": str}
    save.__annotations__ = {"request": litestar.Request, "return": str}
    away.__annotations__ = {"return": Redirect}
    crash.__annotations__ = {"return": None}
    live.__annotations__ = {"socket": litestar.WebSocket, "return": None}
    handlers: list[Any] = [
        litestar.get("/", media_type="text/html")(home),
        litestar.post("/save", status_code=200, media_type="text/plain")(save),
        litestar.get("/away", status_code=307)(away),
        litestar.get("/crash")(crash),
        litestar.websocket("/live")(live),
        create_static_files_router("/static", directories=[FOLDER]),
    ]
    return litestar.Litestar(handlers, openapi_config=None, logging_config=None)


def quart_site() -> Any:
    import quart

    app = quart.Quart("site", static_folder=str(FOLDER), static_url_path="/static")

    async def home() -> str:
        return _token(quart.request.scope)

    async def save() -> str:
        return str((await quart.request.form).get("text", ""))

    async def away() -> Any:
        return quart.redirect("/")

    async def crash() -> None:
        raise RuntimeError(SECRET)

    async def live() -> None:
        while True:
            await quart.websocket.send(await quart.websocket.receive())

    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/save", view_func=save, methods=["POST"])
    app.add_url_rule("/away", view_func=away)
    app.add_url_rule("/crash", view_func=crash)
    app.add_websocket("/live", view_func=live)
    return app


def django_site() -> Any:
    """Django is configured once per process: its settings are global."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            DEBUG=False,
            SECRET_KEY="x" * 50,
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=_django_urls(),
            DEFAULT_CHARSET="utf-8",
            LOGGING_CONFIG=None,
        )
    import django
    from django.core.asgi import get_asgi_application

    django.setup()
    return get_asgi_application()


def _django_urls() -> ModuleType:
    module = ModuleType("site_urls")
    module.urlpatterns = []  # type: ignore[attr-defined]
    from django.http import HttpResponse, HttpResponseRedirect
    from django.urls import path
    from django.views.decorators.http import require_GET, require_POST
    from django.views.static import serve

    def crash(request: Any) -> HttpResponse:
        raise RuntimeError(SECRET)

    module.urlpatterns = [  # type: ignore[attr-defined]
        path("", require_GET(lambda request: HttpResponse(_token(request.scope)))),
        path("save", require_POST(lambda request: HttpResponse(request.POST.get("text", "")))),
        path("away", lambda request: HttpResponseRedirect("/")),
        path("crash", crash),
        path("static/<path:path>", serve, {"document_root": str(FOLDER)}),
    ]
    return module


SITES: dict[str, Callable[[], Any]] = {
    "starlette": cache(starlette_site),
    "fastapi": cache(fastapi_site),
    "litestar": cache(litestar_site),
    "quart": cache(quart_site),
    "django": cache(django_site),
}
WITH_WEBSOCKETS = ("starlette", "fastapi", "litestar", "quart")
