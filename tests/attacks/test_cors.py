"""A foreign page reads what the visitor may see. The controls are Starlette's CORSMiddleware as it is often configured,
and an application that writes its own headers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from garrison.core.errors import OperatorError
from tests.attacks.bank import EVIL, Bank, guard, visitor

pytestmark = pytest.mark.anyio

APP = "https://app.example.com"


def starlettes(**options: Any) -> Any:
    """The bank behind Starlette's middleware, which sits inside the error handler where frameworks put it."""
    bank = Bank().app
    bank.add_middleware(CORSMiddleware, **options)
    return bank


def ours(state: Path, origins: Iterable[str] = (APP,), app: Any = None, **cors: Any) -> Any:
    return guard(app or Bank().app, state, cors={"origins": tuple(origins), "credentials": True, **cors})


async def may_read(app: Any, origin: str, path: str = "/balance") -> bool:
    """What a browser decides after a request with credentials (Fetch standard, CORS check)."""
    headers = (await visitor(app).get(path, headers={"origin": origin, "cookie": "sid=1"})).headers
    allowed = headers.get_list("access-control-allow-origin") == [origin]
    return allowed and headers.get_list("access-control-allow-credentials") == ["true"]


async def test_the_configured_origin_reads(tmp_path: Path) -> None:
    assert await may_read(starlettes(allow_origins=[APP], allow_credentials=True), APP)
    assert await may_read(ours(tmp_path), APP)


async def test_a_star_with_credentials_lets_every_origin_read_so_it_does_not_start(tmp_path: Path) -> None:
    assert await may_read(starlettes(allow_origins=["*"], allow_credentials=True), EVIL)
    with pytest.raises(OperatorError, match="credentials"):
        ours(tmp_path, ["*"])


async def test_a_pattern_with_a_bare_dot_matches_a_name_beside_ours_so_there_are_no_patterns(tmp_path: Path) -> None:
    beside = "https://appXexample.com"
    assert await may_read(starlettes(allow_origin_regex=r"https://app.example.com", allow_credentials=True), beside)
    assert not await may_read(ours(tmp_path), beside)
    for pattern in (r"https://.*\.example\.com", "https://*.example.com", r"https://(app|www).example.com"):
        with pytest.raises(OperatorError):
            ours(tmp_path, [pattern])


async def test_a_suffix_is_not_a_subdomain(tmp_path: Path) -> None:
    control = starlettes(allow_origin_regex=r"https://.*example\.com", allow_credentials=True)
    app = ours(tmp_path)
    for origin in ("https://evilexample.com", "https://evil-app.example.com"):
        assert await may_read(control, origin)
        assert not await may_read(app, origin)


async def test_null_is_any_sandboxed_frame_so_it_does_not_start(tmp_path: Path) -> None:
    assert await may_read(starlettes(allow_origins=["null"], allow_credentials=True), "null")
    with pytest.raises(OperatorError, match="null"):
        ours(tmp_path, ["null"])
    assert not await may_read(ours(tmp_path), "null")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://APP.example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
async def test_an_origin_spelt_otherwise_silently_never_matched(tmp_path: Path, written: str, sent: str) -> None:
    assert not await may_read(starlettes(allow_origins=[written], allow_credentials=True), sent)
    assert await may_read(ours(tmp_path, [written]), sent)


async def test_a_trailing_slash_silently_never_matched_and_does_not_start(tmp_path: Path) -> None:
    assert not await may_read(starlettes(allow_origins=[APP + "/"], allow_credentials=True), APP)
    with pytest.raises(OperatorError, match="trailing slash"):
        ours(tmp_path, [APP + "/"])


async def test_errors_and_refusals_can_be_read_by_the_configured_origin_only(tmp_path: Path) -> None:
    control, app = starlettes(allow_origins=[APP], allow_credentials=True), ours(tmp_path)
    assert not await may_read(control, APP, "/crash")
    for path in ("/crash", "/missing", "/%00"):
        assert await may_read(app, APP, path)
        assert not await may_read(app, EVIL, path)


async def reflect(request: Request) -> Response:
    """What many applications do by hand."""
    headers = {"access-control-allow-origin": request.headers["origin"], "access-control-allow-credentials": "true"}
    return JSONResponse({"balance": 1000}, headers=headers)


@pytest.mark.parametrize("origins", [(), (APP,)])
async def test_an_application_that_reflects_origins_is_overruled(tmp_path: Path, origins: tuple[str, ...]) -> None:
    reflecting = Starlette(routes=[Route("/balance", reflect)])
    assert await may_read(reflecting, EVIL)
    assert not await may_read(ours(tmp_path, origins, reflecting), EVIL)


async def test_answers_for_two_origins_are_kept_apart_by_caches(tmp_path: Path) -> None:
    app = ours(tmp_path)
    for headers in ({}, {"origin": APP}, {"origin": EVIL}):
        assert "origin" in (await visitor(app).get("/balance", headers=headers)).headers["vary"].lower()


async def test_a_preflight_does_not_reach_the_application(tmp_path: Path) -> None:
    seen: list[str] = []

    async def note(request: Request) -> Response:
        seen.append(request.method)
        return Response()

    app = ours(tmp_path, app=Starlette(routes=[Route("/x", note, methods=["OPTIONS", "PUT"])]))
    asked = {"origin": APP, "access-control-request-method": "PUT"}
    assert (await visitor(app).options("/x", headers=asked)).status_code == 204
    assert (await visitor(app).options("/x", headers={**asked, "origin": EVIL})).status_code == 403
    assert seen == []
    await visitor(app).options("/x", headers={"origin": APP})
    assert seen == ["OPTIONS"]
