"""The application factory, and the one line that hardens it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from garrison import Policy, harden
from garrison.asgi.onion import Onion
from garrison.fastapi import docs, guarded, public
from garrison.policy.held import environment
from garrison.policy.load import load
from garrison.secrets import Secrets, open_secrets

from .pages import HERE, install_error_pages
from .parts import Parts
from .preparing import prepare
from .routes import (
    accounts,
    admin,
    api,
    attachments,
    confirm,
    export,
    health,
    imports,
    keys,
    live,
    notes,
    openid,
    previews,
    second_factor,
    sessions,
)
from .settings import Settings

POLICY_FILE: Final = HERE / "garrison.toml"
_FEATURES: Final = (
    accounts, openid, second_factor, confirm, keys, sessions, notes, attachments, api, previews, export, imports, live,
    admin, health,
)  # fmt: skip


def create_app(settings: Settings, policy: Policy | None = None, secrets: Secrets | None = None) -> FastAPI:
    """The application, not hardened yet: serve `hardened(settings)`. `secrets` are those of its policy, if it has any.

    `policy` says what may be uploaded: the one it is hardened with, or the `garrison.toml` beside this file.
    Without Garrison it answers 500 wherever it needs to know who is asking, so that it can't be served so by mistake.
    Documentation of the API is there in development only.
    """
    own = Parts.build(settings, policy or default_policy(settings), secrets)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await prepare(own)
        yield
        await own.database.close()

    schema = "/openapi.json" if settings.development else None
    app = FastAPI(title="Notes", lifespan=lifespan, redirect_slashes=False, openapi_url=schema)
    app.state.parts = own
    install_error_pages(app)
    for feature in _FEATURES:
        app.include_router(feature.router)
    app.mount("/static", guarded(StaticFiles(directory=HERE / "static"), public), name="static")
    if schema:
        docs(app)
    return app


def hardened(settings: Settings, policy: Policy | str | Path | None = None) -> Onion:
    """The application behind its policy: `policy`, or the `garrison.toml` beside this file.

    Raises `OperatorError` when the policy is unsafe for the environment of `settings`.
    """
    chosen = load(policy, environment()).policy if policy is not None else default_policy(settings)
    secrets = open_secrets(chosen)
    return harden(create_app(settings, chosen, secrets), chosen, secrets=secrets)


def default_policy(settings: Settings) -> Policy:
    """`garrison.toml` for the environment of `settings`, with `GARRISON_*` variables laid over it."""
    return load(POLICY_FILE, {**os.environ, "GARRISON_ENVIRONMENT": settings.environment}).policy
