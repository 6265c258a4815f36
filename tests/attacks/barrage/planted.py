"""The reference application with what it lacks: faults to find, and an application that sees attacks by itself.

Served as `tests.attacks.barrage.planted:app`, in the folder of the test.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from examples.notes import Settings, create_app
from garrison import harden
from garrison.core.facts import Facts
from garrison.fastapi import Garrison, public
from garrison.policy.load import load

BLOCKED_SECONDS = 0.3
GIGABYTE = 1_000_000_000
TOLD = ("authn_impossible_travel", "malicious_extraneous", "malicious_direct_reference", "authz_change")


def plant(app: FastAPI) -> FastAPI:
    """Faults that a careful application does not have."""

    @app.get("/planted/crash", dependencies=[public])
    async def crash() -> Response:
        raise RuntimeError("planted")

    @app.get("/planted/block", dependencies=[public])
    async def block() -> Response:
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - the fault that is planted
        return Response("late")

    @app.get("/planted/large", dependencies=[public])
    async def large() -> Response:
        return StreamingResponse(_zeros(), headers={"Content-Length": str(GIGABYTE)})

    @app.post("/planted/tell/{name}", dependencies=[public])
    async def tell(name: str, request: Request, garrison: Garrison) -> Response:
        """What the application alone can know, as its code would say it."""
        if name in TOLD:
            who = garrison.principal.id if garrison.principal else "somebody"
            garrison.services.emit(name, garrison.facts, principal=who)
        return Response("told")

    return app


def _zeros() -> Iterator[bytes]:
    for _ in range(GIGABYTE // 65_536):
        yield bytes(65_536)
    yield bytes(GIGABYTE % 65_536)


def breaks(facts: Facts) -> None:
    """A layer with a fault."""
    if facts.headers.get(b"x-planted") is not None:
        raise RuntimeError("planted")


def make() -> object:
    """The application, behind the policy in the working folder."""
    settings = Settings(environment="development", data=Path("data"), allow_insecure_fast_hash=True)
    policy = load(Path("garrison.toml"), os.environ).policy
    return harden(plant(create_app(settings, policy)), policy, layers=[breaks])
