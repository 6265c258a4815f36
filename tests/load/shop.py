"""A shop that works for its answers, to be flooded: as it is, or behind Garrison with a given policy.

    python -m tests.load.shop '{"listener": 3, "policy": null}'

`listener` is the number of a listening socket that was handed down. `policy` null is the control. Who is asking stands
in `x-user`: it takes the place of a log-in, and nobody verifies it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from garrison import Policy, harden
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.fastapi import limit

WORK = 0.005
"""Seconds of computing that a page takes."""
WAIT = 0.05
"""Seconds that a report waits for its database."""


def shop(*, limited: bool) -> FastAPI:
    """The application; endpoints can only be limited behind Garrison."""
    app = FastAPI()
    most = {"now": 0, "ever": 0}

    @app.get("/work")
    async def work() -> Response:
        end = time.perf_counter() + WORK
        while time.perf_counter() < end:
            pass
        return Response("done")

    @app.get("/report")
    async def report() -> Response:
        most["now"] += 1
        most["ever"] = max(most["ever"], most["now"])
        await asyncio.sleep(WAIT)
        most["now"] -= 1
        return Response("done")

    @app.get("/most")
    async def most_at_once() -> Response:
        return Response("counted", headers={"x-most": str(most["ever"])})

    @app.get("/quick")
    @app.get("/health")
    async def quick() -> Response:
        return Response("ok")

    @app.get("/search", dependencies=[Depends(limit("10/second burst 10", by="address"))] if limited else [])
    async def search(request: Request) -> Response:
        return Response("found")

    return app


async def who(facts: Facts, exchange: Exchange) -> Principal | None:
    """See the module."""
    name = facts.headers.get(b"x-user", b"")
    return Principal(name.decode("latin-1")) if name else None


def main() -> None:
    """Serve until told to stop."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    app: Any = shop(limited=given["policy"] is not None)
    if given["policy"] is not None:
        app = harden(app, Policy(**given["policy"]), principal=who)
    listener = socket.socket(fileno=given["listener"])
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
