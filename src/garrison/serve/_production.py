"""How the production server drives uvicorn; like `_uvicorn`, imported only once the extra is known to be there.

uvicorn gives the event loop, the lifespan, signals and graceful shutdown. Listening is done here, so that a connection
meets the gate first and TLS second.
"""

from __future__ import annotations

import asyncio
import math
import socket
import sys
from dataclasses import dataclass
from typing import Final

import uvicorn

from ._uvicorn import Announce, Server, run_server
from .gate import Gate
from .load import ASGIApp
from .logs import log_config
from .protocol_http import GuardedHttp
from .protocol_ws import GuardedWebSocket
from .runtime import Runtime
from .watch import Watch

LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to serve, and what all its connections share."""

    app: ASGIApp
    runtime: Runtime
    certificates: Watch | None
    log_level: str


class ProductionServer(Server):
    """A server whose connections pass the gate."""

    def __init__(self, config: uvicorn.Config, job: Job, announce: Announce | None) -> None:
        super().__init__(config, announce)
        self._job = job
        self._gates: list[Gate] = []
        self._looking: asyncio.TimerHandle | None = None

    async def listen(self, sockets: list[socket.socket]) -> None:
        """Start the application and accept connections; in place of uvicorn's own way to listen."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(3)  # as uvicorn says that the application's start-up failed
        loop = asyncio.get_running_loop()
        self._job.runtime.sweep.start(loop)
        self._look(loop)
        self.servers = []
        runtime, state = self._job.runtime, self.lifespan.state

        def make(key: str) -> GuardedHttp:
            return GuardedHttp(runtime, key, self.config, self.server_state, state, loop)

        context = self._job.certificates.context if self._job.certificates else None
        self._gates = [Gate(runtime, context, make, loop, listener) for listener in sockets]
        self.started = True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._job.certificates is None:
            return
        self._job.certificates.look()
        self._looking = loop.call_later(LOOK_SECONDS, self._look, loop)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for gate in self._gates:
            gate.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.gather(*(gate.wait_closed() for gate in self._gates))
        await super().shutdown(sockets)
        if self._looking is not None:
            self._looking.cancel()
        self._job.runtime.sweep.stop()


def run(job: Job, listeners: list[socket.socket], announce: Announce) -> None:
    """Serve until stopped. Raises `StartupFailedError` when the application's start-up fails."""
    run_server(ProductionServer(config_of(job), job, announce), listeners)


def config_of(job: Job) -> uvicorn.Config:
    """uvicorn's configuration, with every option that it would else take from the environment or guess."""
    limits = job.runtime.limits
    return uvicorn.Config(
        job.app,
        interface="asgi3",
        workers=1,
        lifespan="auto",
        http=GuardedHttp,
        ws=GuardedWebSocket,
        ws_max_size=limits.message,
        ws_ping_interval=limits.ping,
        ws_ping_timeout=limits.ping,
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=math.ceil(limits.shutdown),
        log_config=log_config(),
        log_level=job.log_level,
    )
