"""`garrison serve`: an application behind the policy, over HTTPS on loopback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Environment, PolicyFile, settle
from .output import Usage, err, paragraph, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..serve.dev import Ready
    from ..serve.load import ASGIApp

RELOADED = "_GARRISON_SERVED"
"""Tells the child of `--reload` which application to harden. It begins with an underscore: no policy key does."""

_NOT_YET = """Serving in production is not part of this version. Harden the application in its own module,

    app = harden(app)

set GARRISON_KEY, name your hosts in garrison.toml, and run it under a server of your choice:

    uvicorn module:app --host 0.0.0.0 --port 8000 --no-server-header --no-proxy-headers
    gunicorn module:app --worker-class uvicorn.workers.UvicornWorker --workers 4

Terminate TLS in front of it and name that proxy in `proxies`."""


def serve(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The ASGI application: main:app, or main:make().")],
    dev: Annotated[
        bool, typer.Option("--dev", help="Development: HTTPS on loopback, with a local certificate.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8443,
    host: Annotated[str, typer.Option("--host", help="localhost or another loopback address.")] = "localhost",
    policy: PolicyFile = None,
    reload: Annotated[bool, typer.Option("--reload", help="Start anew when a file changes.")] = False,
    log_level: Annotated[str, typer.Option("--log-level", help="critical, error, warning or info.")] = "info",
) -> None:
    """Serve any ASGI application behind the policy, over HTTPS (development only in this version)."""
    if not dev:
        raise Usage(_NOT_YET, remedy="Add --dev to serve on this machine for development.")
    settle(policy, Environment.DEVELOPMENT)
    os.environ[RELOADED] = app
    target = "garrison.cli.served:app()" if reload else _hardened()
    run(target, host=host, port=port, reload=reload, log_level=log_level, announce=announce)


def _hardened() -> ASGIApp:
    from .served import app

    return app()


def run(
    app: ASGIApp | str,
    *,
    host: str,
    port: int,
    announce: Callable[[Ready], None],
    reload: bool = False,
    log_level: str = "info",
) -> None:
    """Serve until Ctrl-C."""
    from datetime import UTC, datetime

    from ..serve.dev import serve_dev
    from ..serve.devca import DevCA

    ca = DevCA.open(None, datetime.now(UTC))
    serve_dev(app, host=host, port=port, ca=ca, log_level=log_level, reload=reload, on_ready=announce)


def announce(ready: Ready) -> None:
    """Where to go and what to trust."""
    console = err()
    console.print(safe(f"Serving on {ready.url}", "bold green"))
    console.print(safe("The certificate is signed by a development CA that only you can make trusted:"))
    console.print(paragraph(f"    {ready.certificate_file}"), soft_wrap=True)
    console.print(paragraph(f'    curl --cacert "$(garrison certs ca)" {ready.url}/'), soft_wrap=True)
    console.print(safe("In a browser, import that file as an authority; it is good for loopback names only."))
