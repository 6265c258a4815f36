"""Requests per second over TLS: `garrison serve`'s server against stock uvicorn, granian, and Caddy in front.

All serve the same small application, without the onion: what is compared is the server below it. "Caddy in front" is
`garrison edge caddy` before `garrison serve --unix`. The load comes from wrk on kept-alive connections; contenders take
turns in one run. Each server runs in a process of its own; CPU time is that of all its processes.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

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
    rounds = ROUNDS if size.scale >= 1 else 1
    names = ["ours", "stock", "granian", *(["caddy"] if shutil.which("caddy") else [])]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        servers = {name: opened.enter_context(_server(name, f"{folder}/{name}")) for name in names}
        for server in servers.values():
            _load(server, 1)
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                taken[name].append(_taken(servers[name], SECONDS))
    others = [result for name in names[2:] for result in _other(name, taken["ours"], taken[name])]
    without = [] if "caddy" in names else [result("serve: Caddy skipped", 0.0, "x", versus="caddy is not installed")]
    return [*_results(taken["ours"], taken["stock"]), *others, *without]


_CALLED = {"granian": "granian over TLS", "caddy": "Caddy in front of a Unix socket"}


def _other(name: str, ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> list[Result]:
    """A contender that nothing was promised about."""
    rates = [mine[0] / their[0] for mine, their in zip(ours, theirs, strict=True)]
    costs = [mine[1] / their[1] for mine, their in zip(ours, theirs, strict=True)]
    versus = _CALLED[name]
    return [
        result(f"serve: requests/s of {name}", median(rate for rate, _ in theirs), "1/s", versus=versus),
        result(f"serve: requests/s against {name}", median(rates), "x", versus=versus, spread=middle_half(rates)),
        result(f"serve: CPU against {name}", median(costs), "x", versus=versus, spread=middle_half(costs)),
    ]


def _results(mine: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> list[Result]:
    rates = [(ours[0], stock[0]) for ours, stock in zip(mine, theirs, strict=True)]
    costs = [(ours[1], stock[1]) for ours, stock in zip(mine, theirs, strict=True)]
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
    host = f"Host: localhost:{server[0]}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", host, f"https://127.0.0.1:{server[0]}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    found = _PER_SECOND.search(said)
    assert found, said
    assert "Non-2xx" not in said, said
    return float(found[1])


def _cpu(process: int) -> float:
    """Seconds of CPU time that the process and those it started have used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{process}/task").glob("*/children")
    return own + sum(_cpu(int(child)) for file in children for child in file.read_text(encoding="ascii").split())


@contextmanager
def _server(which: str, folder: str) -> Iterator[Server]:
    command = [sys.executable, "-m", __name__, which, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            _wait_for(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise TimeoutError("a contender does not listen")


def _serve(which: str, folder: Path) -> None:
    """The server's process: it says its port, and serves until it is ended."""
    from garrison.serve.devca import DevCA

    folder.mkdir(parents=True, exist_ok=True)
    leaf = DevCA.open(folder / "ca", datetime.now(UTC)).issue(["127.0.0.1", "localhost"])
    {"ours": _ours, "stock": _stock, "granian": _granian, "caddy": _caddy}[which](leaf.cert_file, leaf.key_file)


def _ours(cert: Path, key: Path) -> None:
    from garrison.serve.context import TlsProfile
    from garrison.serve.listen import open_listeners
    from garrison.serve.swap import Certificates

    listener = open_listeners(("127.0.0.1",), 0)[0]
    _run(Certificates(TlsProfile(cert, key), print), listener, listener.getsockname()[1])


def _run(certificates: Any, listener: socket.socket, port: int) -> None:
    from garrison.core.address import compile_client
    from garrison.serve import _production
    from garrison.serve.clients import Clients
    from garrison.serve.limits import Limits
    from garrison.serve.runtime import Runtime

    clients = Clients(256, compile_client(("unix",), "x-forwarded-for", 64), 64)
    job = _production.Job(app, Runtime(Limits(), clients), certificates, "warning")
    _production.run(job, [listener], lambda _stop: print(port, flush=True))


def _caddy(cert: Path, key: Path) -> None:
    from garrison.edge import trial
    from garrison.edge.site import site_of
    from garrison.policy import Policy
    from garrison.serve.unix import unix_listener

    folder = cert.parent.parent
    site = site_of(Policy(hosts=["localhost"], proxies=["unix"]))
    site = trial.on_trial(site, trial.Files(folder, cert, key, folder / "app.sock"))
    program = trial.program("caddy")
    assert program is not None
    path = trial.write("caddy", site)
    with unix_listener(Path(site.socket)) as listener, trial.running("caddy", path, site, program):
        _run(None, listener, site.https_port)


def _granian(cert: Path, key: Path) -> None:
    from granian import Granian

    from garrison.edge.trial import free_port

    port = free_port()
    print(port, flush=True)
    Granian(
        "bench.serve:app",
        address="127.0.0.1",
        port=port,
        interface="asgi",
        workers=1,
        http="1",
        websockets=False,
        ssl_cert=cert,
        ssl_key=key,
        log_enabled=False,
    ).serve()


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
