"""The route that somebody forgot (OWASP API Security 2023, API5), and the ways around a declared one.

The control is the same application without `authorisation.declare`: it starts, and serves the forgotten route to
anybody.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from garrison import Policy, harden
from garrison.accounts.authorisation_routes import RoutesUndeclared
from garrison.asgi.onion import Onion
from garrison.fastapi import authenticated, guarded, public

pytestmark = pytest.mark.anyio
HOST = "shop.example"


def secured(app: FastAPI, folder: Path, *, declare: bool) -> Onion:
    policy = Policy(
        preset="testing",
        environment="development",
        hosts=(HOST,),
        state=str(folder / "state"),
        authorisation={"declare": declare},
    )
    return harden(app, policy)


async def get(app: Onion, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"https://{HOST}") as client:
        return await client.get(path, headers=headers)


async def salaries(request: object) -> Response:
    return PlainTextResponse("salaries")


def forgotten_route(app: FastAPI) -> str:
    app.get("/salaries")(lambda: "salaries")
    return "/salaries"


def forgotten_router(app: FastAPI) -> str:
    router = APIRouter(prefix="/admin")
    router.get("/salaries")(lambda: "salaries")
    app.include_router(router)
    return "/admin/salaries"


def plain_route_in_a_guarded_router(app: FastAPI) -> str:
    router = APIRouter(dependencies=[authenticated])
    router.add_route("/salaries", salaries)
    app.include_router(router)
    return "/salaries"


def mounted_application(app: FastAPI) -> str:
    inner = FastAPI(openapi_url=None)
    inner.get("/salaries")(lambda: "salaries")
    app.mount("/internal", inner)
    return "/internal/salaries"


def mounted_files(app: FastAPI) -> str:
    folder = Path(__file__).parent
    app.mount("/files", StaticFiles(directory=folder))
    return f"/files/{Path(__file__).name}"


def documentation(app: FastAPI) -> str:
    app.router.routes.append(Route("/openapi.json", salaries))
    return "/openapi.json"


FORGOTTEN = (
    forgotten_route, forgotten_router, plain_route_in_a_guarded_router, mounted_application, mounted_files,
    documentation,
)  # fmt: skip


@pytest.mark.parametrize("forget", FORGOTTEN)
async def test_a_forgotten_route_does_not_go_live(forget: object, tmp_path: Path) -> None:
    assert callable(forget)
    app = FastAPI(openapi_url=None, dependencies=[])
    path = forget(app)
    with pytest.raises(RoutesUndeclared):
        secured(app, tmp_path, declare=True)
    control = await get(secured(app, tmp_path, declare=False), path)
    assert control.status_code == 200
    assert "salaries" in control.text


ROUNDABOUT = (
    "/salaries", "/salaries/", "//salaries", "/./salaries", "/x/../salaries", "/SALARIES", "/%73alaries",
    "/salaries%2f", "/salaries;x", "/salaries%00", "/salaries?x", "/open/../salaries",
)  # fmt: skip


@pytest.mark.parametrize("path", ROUNDABOUT)
@pytest.mark.parametrize(
    "headers",
    [{}, {"x-http-method-override": "OPTIONS"}, {"x-original-url": "/open"}, {"x-forwarded-prefix": "/open"}],
)
async def test_another_way_of_writing_the_path_is_no_way_around_the_guard(
    path: str, headers: dict[str, str], tmp_path: Path
) -> None:
    """The guard stands at the route, not in front of a path: however a request gets there, it is asked."""
    app = FastAPI(openapi_url=None)
    app.get("/salaries", dependencies=[authenticated])(lambda: "the salaries of all")
    app.get("/open", dependencies=[public])(lambda: "open")
    answer = await get(secured(app, tmp_path, declare=True), path, **headers)
    assert "the salaries of all" not in answer.text
    assert answer.status_code >= 300


@pytest.mark.parametrize(
    "path", ["/files/a.txt", "/files//a.txt", "/files/./a.txt", "/files/%61.txt", "/files/x/../a.txt"]
)
async def test_guarded_files_are_not_had_by_another_spelling(path: str, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "a.txt").write_text("the file")
    app = FastAPI(openapi_url=None)
    app.mount("/files", guarded(StaticFiles(directory=tmp_path / "public"), authenticated))
    answer = await get(secured(app, tmp_path, declare=True), path)
    assert "the file" not in answer.text
    open_app = FastAPI(openapi_url=None)
    open_app.mount("/files", guarded(StaticFiles(directory=tmp_path / "public"), public))
    assert "the file" in (await get(secured(open_app, tmp_path, declare=True), "/files/a.txt")).text, "control"


async def test_a_method_that_was_not_declared_is_not_served(tmp_path: Path) -> None:
    app = FastAPI(openapi_url=None)
    app.get("/salaries", dependencies=[authenticated])(lambda: "salaries")
    secure = secured(app, tmp_path, declare=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=secure), base_url=f"https://{HOST}") as client:
        for method in ("HEAD", "OPTIONS", "PATCH"):
            assert (await client.request(method, "/salaries")).status_code in {401, 403, 405}
