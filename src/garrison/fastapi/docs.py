"""`/docs` under the strict Content-Security-Policy: Swagger UI from this origin, without a line of inline code.

Threat: FastAPI's own page loads scripts from a CDN and starts them inline. A policy that allows that allows an attacker
the same. Here the files come from the package `fastapi-swagger` (Swagger UI unchanged, Apache-2.0), every script has
the nonce, and `docs.js` starts it. Nothing in the policy has to be loosened.

Swagger UI writes HTML into the page (sanitised by DOMPurify, which it brings along), so under Trusted Types `docs.js`
registers a default policy that lets HTML through on this page, and neither script nor script addresses; injected
handlers and scripts are still stopped by `script-src`.

Lets pass: whoever may open the page sees the schema. Publish it only where that is meant. Not offered: ReDoc (its
search wants a `blob:` worker) and the OAuth2 redirect page, which is an inline script.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.params import Depends as Dependency
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from .authorisation import public, requires
from .current import nonce

_OURS: Final = Path(__file__).with_name("docs.js")
_ASSETS: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_CACHED: Final = {"Cache-Control": "public, max-age=3600"}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{base}/favicon-32x32.png">
<link rel="stylesheet" href="{base}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-schema="{schema}"></div>
<script src="{helper}" nonce="{nonce}"></script>
<script src="{base}/swagger-ui-bundle.js" nonce="{nonce}"></script>
<script src="{base}/docs.js" nonce="{nonce}"></script>
</body>
</html>
"""


def docs(
    app: FastAPI, path: str = "/docs", *, csrf_script: str = "/.garrison/csrf.js", access: Dependency = public
) -> None:
    """Serve the API documentation of `app` at `path`, in place of FastAPI's own `/docs` and `/redoc`.

    access        who may see them and the schema: `public`, `authenticated`, `logged_in`, `scope(…)` or `allow(…)`
    csrf_script   the CSRF helper, so that "Try it out" can send: `<prefix>csrf.js` of your policy

    Raises ImportError without the package `fastapi-swagger`, ValueError when `app` publishes no schema.
    """
    if not app.openapi_url:
        raise ValueError("This application has openapi_url=None: there is no schema to show.")
    folder = _assets()
    _remove_own_pages(app)
    base = path.rstrip("/")
    asked = requires(access)
    app.add_route(path, asked(_page(app, base, csrf_script)), include_in_schema=False)
    for file in (*(folder / name for name in _ASSETS), _OURS):
        app.add_route(f"{base}/{file.name}", asked(_file(file)), include_in_schema=False)
    _declare_schema(app, access)


def _page(app: FastAPI, base: str, helper: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> HTMLResponse:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        values = {
            "title": f"{app.title}: API documentation",
            "base": root + base,
            "schema": f"{root}{app.openapi_url}",
            "helper": root + helper,
            "nonce": nonce(request),
        }
        return HTMLResponse(_PAGE.format(**{name: escape(value) for name, value in values.items()}))

    return page


def _file(file: Path) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> FileResponse:
        return FileResponse(file, headers=_CACHED)

    return serve


def _assets() -> Path:
    """Where the package keeps Swagger UI. The package itself is not imported: only its files are wanted."""
    spec = find_spec("fastapi_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError('docs() needs the files of Swagger UI: pip install "garrison[demo]" or fastapi-swagger')
    folder = Path(spec.submodule_search_locations[0]) / "resources"
    missing = [name for name in _ASSETS if not (folder / name).is_file()]
    if missing:
        raise ImportError(f"this version of fastapi-swagger has no {missing[0]}")
    return folder


def _declare_schema(app: FastAPI, access: Dependency) -> None:
    """The route that FastAPI itself made for the schema: it asks who may see it, as its pages do."""
    routes = app.router.routes
    for place, route in enumerate(routes):
        if isinstance(route, Route) and route.path == app.openapi_url:
            routes[place] = Route(route.path, requires(access)(route.endpoint), include_in_schema=False)


def _remove_own_pages(app: FastAPI) -> None:
    own = {app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url} - {None}

    def is_own(route: BaseRoute) -> bool:
        return isinstance(route, Route) and route.path in own and route.endpoint.__module__ == FastAPI.__module__

    app.router.routes[:] = [route for route in app.router.routes if not is_own(route)]
    app.docs_url = app.redoc_url = None
