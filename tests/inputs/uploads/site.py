"""An application with one upload route, behind `harden`.

Annotations are evaluated: FastAPI has to find `self.uploads` in one of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI

from garrison import harden
from garrison.fastapi import Upload, UploadPolicy
from garrison.inputs.uploads import UploadRule
from garrison.testing import testing_policy

BOUNDARY = "X-boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


class Site:
    """`POST /files` under `rule`, with quarantine and store in `folder`."""

    def __init__(self, folder: Path, rule: UploadRule | None = None, **sections: Any) -> None:
        self.uploads = UploadPolicy(folder, rule)
        self.folder = folder
        self.broken = False
        app = FastAPI()

        @app.post("/files", openapi_extra=self.uploads.openapi)
        async def add(file: Annotated[Upload, Depends(self.uploads)]) -> dict[str, str]:
            if self.broken:
                raise RuntimeError("the endpoint fails")
            return {"key": await file.keep(), "kind": file.info.kind, "fields": str(file.fields)}

        self.inner = app
        self.app = harden(app, testing_policy(**{"size": {"body": "8 MB"}, **sections}))

    def lying(self) -> tuple[int, int]:
        """Files in quarantine and in the store."""
        return len(list((self.folder / "quarantine").iterdir())), len(list((self.folder / "files").iterdir()))

    @asynccontextmanager
    async def client(self, *, prepare: bool = True) -> AsyncIterator[httpx.AsyncClient]:
        if prepare:
            await self.uploads.prepare()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
            yield client

    async def send(self, content: bytes = b"hello", name: str = "a.txt") -> httpx.Response:
        async with self.client() as client:
            return await client.post("/files", files={"file": (name, content)})


def part(name: str, content: bytes, file: str | None = None, *headers: str) -> bytes:
    """One part of a form."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")
    lines = [f"Content-Disposition: {disposition}", *headers]
    return f"--{BOUNDARY}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
