"""How the development server drives uvicorn; the only module here that imports it, so that the extra stays
optional.

Threat and limits are those of `dev`. Every option that uvicorn would else take from the environment or guess
(workers, proxies, interface) is given.
"""

from __future__ import annotations

import functools
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn
from uvicorn.supervisors import ChangeReload

from ..core.errors import OperatorError
from .context import TlsProfile, server_context
from .errors import AppBrokenError, StartupFailedError
from .load import ASGIApp, load_app
from .logs import log_config
from .protocol_dev import StrictHttp
from .protocol_ws import DenyingWebSocket

WEBSOCKET_BYTES = 1_048_576
GRACE_SECONDS = 5

Announce = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What to serve. A reference instead of an application means: reload on change."""

    app: ASGIApp | str
    tls: TlsProfile
    log_level: str


class Server(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, config: uvicorn.Config, announce: Announce | None) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.listen(sockets or [])
        if self.started and self._announce is not None:
            self._announce(self.stop)

    async def listen(self, sockets: list[socket.socket]) -> None:
        """Start the application and accept connections on `sockets`."""
        await super().startup(sockets=sockets)

    def stop(self) -> None:
        """End the main loop at its next turn (a tenth of a second at most)."""
        self.should_exit = True


def run(job: Job, listeners: list[socket.socket], announce: Announce) -> None:
    """Serve until stopped. Raises `StartupFailedError` when the application's start-up fails."""
    if isinstance(job.app, str):
        _run_reloading(job, listeners, announce)
    else:
        run_server(Server(_config(job), announce), listeners)


def _config(job: Job) -> uvicorn.Config:
    return uvicorn.Config(
        job.app,
        interface="asgi3",
        workers=1,
        reload=isinstance(job.app, str),
        lifespan="auto",
        http=StrictHttp,
        ws=DenyingWebSocket,
        ws_max_size=WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=functools.partial(_context, job.tls),
        log_config=log_config(),
        log_level=job.log_level,
    )


def _context(profile: TlsProfile, _config: uvicorn.Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """uvicorn's `ssl_context_factory`. A module's function, since the reloader pickles it for its child."""
    return server_context(profile)


def run_server(server: Server, listeners: list[socket.socket]) -> None:
    with _signals_to(server):
        try:
            server.run(sockets=listeners)
        except SystemExit as leaving:  # uvicorn's way to say that the lifespan's start-up failed
            raise StartupFailedError(leaving.code if isinstance(leaving.code, int) else 1) from leaving


@contextmanager
def _signals_to(server: uvicorn.Server) -> Iterator[None]:
    """Give SIGINT and SIGTERM to the server from before it looks for them until after it has stopped.

    uvicorn raises a signal anew once it has stopped. With the default handlers, SIGTERM would then end the
    process before its caller can tidy up; with these, the caller simply goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        server.handle_exit(number, frame)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_reloading(job: Job, listeners: list[socket.socket], announce: Announce) -> None:
    for listener in listeners:
        listener.set_inheritable(True)
    supervisor = ChangeReload(_config(job), target=functools.partial(_serve_child, job), sockets=listeners)
    announce(supervisor.should_exit.set)
    supervisor.run()


def _serve_child(job: Job, sockets: list[socket.socket] | None) -> None:
    """One life of the child process. A broken application is reported, and the next change starts another
    child."""
    try:
        app = load_app(job.app) if isinstance(job.app, str) else job.app
        run_server(Server(_config(Job(app, job.tls, job.log_level)), None), sockets or [])
    except OperatorError as error:
        details = f"\n{error.details}" if isinstance(error, AppBrokenError) else ""
        logging.getLogger("uvicorn.error").error("%s%s", error, details)  # noqa: TRY400  the user's part is enough
