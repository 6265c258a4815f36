"""One worker of `garrison serve --workers`; started by its supervisor, never by hand."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import GarrisonError
from ..serve.compartment import receive, refuse_dumps
from ..serve.supervise import JOB, serving
from .output import COULD_NOT_RUN, err, paragraph, show_error

if TYPE_CHECKING:
    from ..serve.production import Listening

_DIES_WITH_PARENT = 1


def main() -> int:
    """Serve until SIGTERM. The exit code."""
    job: dict[str, Any] = json.loads(os.environ.pop(JOB))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's or a script's; reloading is the supervisor's
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    try:
        receive()
        refuse_dumps()
        _serve(job)
    except GarrisonError as error:
        show_error(error)
        return COULD_NOT_RUN
    return 0


def _serve(job: dict[str, Any]) -> None:
    if job["hidden"] is not None:
        from ..serve.sandbox import Walls, enter

        for missing in enter(Walls([Path(one) for one in job["hidden"]], [Path(one) for one in job["writable"]])):
            err().print(paragraph(missing, "yellow"))
    from ..serve.production import Pair, serve_production, serve_unix
    from .served import app

    files = [Path(job[name]) if job[name] else None for name in ("cert", "key", "client_ca")]
    cert, key, client_ca = files
    listeners = [socket.socket(fileno=number) for number in job["listeners"]]

    def ready(listening: Listening) -> None:
        with suppress(OSError):
            os.write(job["ready"], serving(listening.warnings))
            os.close(job["ready"])

    if cert is None or key is None:  # the supervisor's listeners are Unix sockets, and TLS ends before them
        serve_unix(app(), None, log_level=job["log_level"], on_ready=ready, listeners=listeners)
        return
    pair = Pair(cert, key, client_ca)
    serve_production(
        app(), pair, profile=job["profile"], log_level=job["log_level"], on_ready=ready, listeners=listeners
    )


if __name__ == "__main__":
    sys.exit(main())
