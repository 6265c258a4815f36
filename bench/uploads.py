"""How fast files come in over HTTP: judged, hashed and stored behind the whole stack, against an application that does
nothing but write the same request's body to a file.

Both are served by uvicorn in a process of its own, and take turns; what is timed is the wall, from the first byte sent
to the answer. The file is text, which is judged to its last byte. `uploads.disk` compares with writing the bytes to a
file without any HTTP, for those who want to know what the disk could do: nothing is promised there.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import Depends, FastAPI, Request

from garrison import harden
from garrison.fastapi import Upload, UploadPolicy
from garrison.inputs.uploads import UploadRule
from garrison.testing import testing_policy

from .harness import Result, Size, middle_half, result

_ROWS = "".join(
    f"{n},O'Brien {n * 7919 % 9973},{n * 31 % 997}.{n % 100:02},paid,2026-{n % 12 + 1:02}-14\n" for n in range(40_000)
)
_PIECE = _ROWS.encode()[: 1024 * 1024]
_BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
_HEAD = b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
_TAIL = b"\r\n--" + _BOUNDARY + b"--\r\n"


def _serve(folder: Path, descriptor: int) -> None:
    """In the server's process."""
    uploads = UploadPolicy(folder / "store", UploadRule(most="1 GB"))
    inner, plain = FastAPI(), FastAPI()

    @inner.post("/ours")
    async def ours(file: Upload = Depends(uploads)) -> None:  # noqa: B008  # FastAPI's way
        uploads.store.delete(await file.keep())

    @plain.post("/plain")
    async def write(request: Request) -> None:
        with (folder / "plain").open("wb") as target:
            async for chunk in request.stream():
                target.write(chunk)
        (folder / "plain").unlink()

    guarded = harden(inner, testing_policy(size={"body": "1 GB"}))

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        chosen = plain if scope.get("path") == "/plain" else guarded
        await chosen(scope, receive, send)  # type: ignore[arg-type]  # whatever the server hands in

    async def serve() -> None:
        await uploads.prepare()
        config = uvicorn.Config(app, log_level="error", lifespan="off", http="httptools", loop="asyncio")
        await uvicorn.Server(config).serve([socket.socket(fileno=descriptor)])

    asyncio.run(serve())


def _post(address: tuple[str, int], path: str, megabytes: int) -> float:
    """Seconds."""
    length = len(_HEAD) + megabytes * len(_PIECE) + len(_TAIL)
    head = f"POST {path} HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\nContent-Length: {length}\r\n"
    with socket.create_connection(address, 60) as link:
        start = time.perf_counter()
        link.sendall(f"{head}Content-Type: multipart/form-data; boundary={_BOUNDARY.decode()}\r\n\r\n".encode() + _HEAD)
        for _ in range(megabytes):
            link.sendall(_PIECE)
        link.sendall(_TAIL)
        answer = link.recv(65536)
        taken = time.perf_counter() - start
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer[:200].decode("latin-1"))
    return taken


def _write(path: Path, megabytes: int) -> float:
    start = time.perf_counter()
    with path.open("wb") as target:
        for _ in range(megabytes):
            target.write(_PIECE)
    taken = time.perf_counter() - start
    path.unlink()
    return taken


def measure(size: Size) -> list[Result]:
    megabytes = size.of(64, least=1)
    with TemporaryDirectory(prefix="garrison-bench-") as name, socket.create_server(("127.0.0.1", 0)) as listening:
        folder, address = Path(name), listening.getsockname()
        command = [sys.executable, "-m", "bench.uploads", name, str(listening.fileno())]
        server = subprocess.Popen(command, pass_fds=[listening.fileno()])
        try:
            acts: dict[str, Callable[[], float]] = {
                "ours": lambda: _post(address, "/ours", megabytes),
                "plain": lambda: _post(address, "/plain", megabytes),
                "disk": lambda: _write(folder / "disk", megabytes),
            }
            for act in acts.values():
                act()
            rounds = [{name: act() for name, act in acts.items()} for _ in range(max(2, size.rounds // 4))]
        finally:
            server.kill()
            server.wait()
    return [_ratio(rounds, versus, must, megabytes) for versus, must in (("plain", ">= 0.5"), ("disk", None))]


def _ratio(rounds: list[dict[str, float]], versus: str, must: str | None, megabytes: int) -> Result:
    ratios = [one[versus] / one["ours"] for one in rounds]
    speed = megabytes / median(one[versus] for one in rounds)
    told = f"{versus}, {speed:.4g} MB/s"
    return result(f"uploads.{versus}", median(ratios), "x", must=must, versus=told, spread=middle_half(ratios))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
