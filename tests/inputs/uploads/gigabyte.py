"""`python -m tests.inputs.uploads.gigabyte FOLDER`: upload a gigabyte; print the bytes stored, the megabytes grown."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from garrison.inputs.uploads import UploadRule

from .site import FORM, Site, part

MEGABYTE = b"0123456789abcde\n" * 65536


def body(megabytes: int) -> Callable[[], Any]:
    """What a server hands in: pieces of 64 KB."""

    def pieces() -> Any:
        yield part("file", b"", "big.txt")[:-2]
        for _ in range(megabytes):
            for start in range(0, len(MEGABYTE), 65536):
                yield MEGABYTE[start : start + 65536]
        yield b"\r\n--X-boundary--\r\n"

    left = pieces()

    async def receive() -> dict[str, Any]:
        piece = next(left, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    return receive


def scope() -> dict[str, Any]:
    """An upload, as a server tells it."""
    headers = [(b"host", b"testserver"), *((name.encode(), value.encode()) for name, value in FORM.items())]
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "https",
        "path": "/files", "raw_path": b"/files", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("testserver", 443), "state": {},
    }  # fmt: skip


async def upload(site: Site, megabytes: int) -> None:
    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(message)

    app: Any = site.app
    await app(scope(), body(megabytes), send)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(folder: Path) -> None:
    site = Site(folder, UploadRule(most="2 GB"), size={"body": "2 GB"})
    await site.uploads.prepare()
    await upload(site, 2)
    before = peak()
    await upload(site, 1024)
    print(max(path.stat().st_size for path in (folder / "files").iterdir()), peak() - before)  # noqa: T201  # for the test


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
