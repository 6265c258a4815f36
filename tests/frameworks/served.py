"""The application that `test_servers` starts in processes of its own."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from garrison import harden
from garrison.testing import testing_policy


async def who(request: Request) -> Response:
    exchange = request.state.garrison
    return JSONResponse({"pid": os.getpid(), "nonce": exchange.nonce, "request_id": exchange.request_id})


async def crash(request: Request) -> Response:
    raise RuntimeError("a secret")


app = harden(
    Starlette(routes=[Route("/", who), Route("/crash", crash)]), testing_policy(state=os.environ["STATE_FOLDER"])
)
