"""Requests per second over TLS: `garrison serve`'s server against stock uvicorn, taken turns in one run.

Both serve the same small application, without the onion: what is compared is the server below it. The load comes from
wrk on kept-alive connections. Each server runs in a process of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from .harness import Result, Size, middle_half, result

SECONDS = 1
ROUNDS = 10
CONNECTIONS = 32
_PER_SECOND = re.compile(r"Requests/sec:\s+([0-9.]+)")


async def app(scope, receive, send):  # type: ignore[no-untyped-def]
    """The smallest answer that carries a body."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def measure(size: Size) -> list[Result]:
    """Requests per second, CPU time per request, and the ratios of the two servers."""
    if shutil.which("wrk") is None:
        return [result("serve: skipped", 0.0, "x", versus="wrk is not installed")]
    rounds, seconds = (ROUNDS, SECONDS) if size.scale >= 1 else (1, 1)
    with tempfile.TemporaryDirectory() as folder, _server("ours", folder) as ours, _server("stock", folder) as stock:
        _load(ours, 1), _load(stock, 1)
        rates: list[tuple[float, float]] = []
        costs: list[tuple[float, float]] = []
        for number in range(rounds):
            order = (ours, stock) if number % 2 else (stock, ours)
            found = {server: _taken(server, seconds) for server in order}
            rates.append((found[ours][0], found[stock][0]))
            costs.append((found[ours][1], found[stock][1]))
    return _results(rates, costs)


def _results(rates: Sequence[tuple[float, float]], costs: Sequence[tuple[float, float]]) -> list[Result]:
    ratios = [ours / stock for ours, stock in rates]
    cheaper = [ours / stock for ours, stock in costs]
    versus = "stock uvicorn over TLS"
    return [
        result("serve: requests/s over TLS", median(ours for ours, _ in rates), "1/s", versus=versus),
        result("serve: requests/s of stock uvicorn", median(stock for _, stock in rates), "1/s", versus=versus),
        result(
            "serve: requests/s against stock", median(ratios), "x", must=">= 0.95", versus=versus,
            spread=middle_half(ratios),
        ),
        result("serve: CPU per request", median(ours for ours, _ in costs), "µs", versus=versus),
        result("serve: CPU against stock", median(cheaper), "x", versus=versus, spread=middle_half(cheaper)),
    ]  # fmt: skip


Server = tuple[int, int]
"""Port and process id."""


def _taken(server: Server, seconds: int) -> tuple[float, float]:
    """Requests per second, and microseconds of CPU time per request."""
    before = _cpu(server[1])
    began = time.monotonic()
    rate = _load(server, seconds)
    requests = rate * (time.monotonic() - began)
    return rate, (_cpu(server[1]) - before) / requests * 1e6


def _load(server: Server, seconds: int) -> float:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"https://127.0.0.1:{server[0]}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    found = _PER_SECOND.search(said)
    assert found, said
    assert "Non-2xx" not in said, said
    return float(found[1])


def _cpu(process: int) -> float:
    """Seconds of CPU time that the process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server(which: str, folder: str) -> Iterator[Server]:
    command = [sys.executable, "-m", __name__, which, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()
            process.wait(10)


def _serve(which: str, folder: Path) -> None:
    """The server's process: it says its port, and serves until it is ended."""
    from garrison.serve.devca import DevCA

    leaf = DevCA.open(folder / "ca", datetime.now(UTC)).issue(["127.0.0.1"])
    (_ours if which == "ours" else _stock)(leaf.cert_file, leaf.key_file)


def _ours(cert: Path, key: Path) -> None:
    from garrison.core.address import compile_client
    from garrison.serve import _production
    from garrison.serve.clients import Clients
    from garrison.serve.context import TlsProfile
    from garrison.serve.limits import Limits
    from garrison.serve.listen import open_listeners
    from garrison.serve.runtime import Runtime
    from garrison.serve.swap import Certificates

    clients = Clients(256, compile_client((), "x-forwarded-for", 64), 64)
    job = _production.Job(app, Runtime(Limits(), clients), Certificates(TlsProfile(cert, key), print), "warning")
    listeners = open_listeners(("127.0.0.1",), 0)
    _production.run(job, listeners, lambda _stop: print(listeners[0].getsockname()[1], flush=True))


def _stock(cert: Path, key: Path) -> None:
    import uvicorn

    from garrison.serve.listen import open_listeners

    config = uvicorn.Config(
        app, http="httptools", log_level="warning", ssl_certfile=str(cert), ssl_keyfile=str(key), server_header=False
    )
    listener = open_listeners(("127.0.0.1",), 0)[0]
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
