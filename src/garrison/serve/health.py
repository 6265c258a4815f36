"""Health and readiness, told apart from the application and to whoever may reach that listener.

`/health`: some worker lives. `/ready`: every worker says that it serves, and nobody stops. The supervisor answers, so
that a busy or broken application can't make it lie. Assumption: the listener is the operator's and his balancer's
alone: loopback, a management network, or a Unix socket (owner and group).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..core.address import compile_client
from ..core.listeners import parse_listener
from .clients import Clients
from .errors import OptionRefusedError
from .listen import open_listeners
from .small import Answer, SmallServer
from .unix import unix_listener

_LINE = re.compile(rb"(?:GET|HEAD) /(health|ready)(?:\?[\x21-\x7e]*)? HTTP/1\.[01]").match
_EACH = 32

State = Callable[[], tuple[int, int, bool]]
"""Workers that live, workers there should be, whether all of them serve."""


def answer(head: bytes, state: tuple[int, int, bool]) -> Answer:
    """The answer to a request's head."""
    line = _LINE(head)
    if line is None:
        return 404, "", b"ask for /health or /ready\n"
    alive, wanted, serving = state
    good = serving if line[1] == b"ready" else alive > 0
    return 200 if good else 503, "", b"%s: %d of %d workers\n" % (b"ok" if good else b"not ok", alive, wanted)


@contextmanager
def health_listener(address: str, state: State) -> Iterator[Callable[[], None]]:
    """Listens at `address`, and answers once the function it gives is called. Does nothing for "".

    Raises `OptionRefusedError`, `PortUnavailableError`, `SocketUnavailableError`.
    """
    if not address:
        yield lambda: None
        return
    try:
        where, port = parse_listener(address)
    except ValueError as error:
        raise OptionRefusedError("serve.health", f"serve.health: {error}.", remedy="Write 127.0.0.1:9090.") from None
    clients = Clients(_EACH, compile_client((), "x-forwarded-for", 64), 64)
    with ExitStack() as opened:
        found = (
            [opened.enter_context(unix_listener(Path(where)))]
            if port is None
            else open_listeners((where,), port, "serve.health")
        )
        for one in found:
            opened.callback(one.close)
        server = SmallServer("health", found, clients, lambda head: answer(head, state()))
        opened.callback(server.stop)
        yield server.start
