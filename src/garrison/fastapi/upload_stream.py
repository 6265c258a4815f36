"""A file on its way from the request into quarantine.

Threat: a body that fills the memory, or that blocks the event loop while it is hashed and written (CWE-770). Two
megabytes at a time go to a thread; while they are written, the next ones come in, and no more: who sends faster waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from fastapi import Request
from starlette.requests import ClientDisconnect

from ..inputs.uploads import UploadRefused, UploadRule, Why
from ..inputs.uploads.form import FileBegins, FormReader
from ..inputs.uploads.kinds import Kind
from ..inputs.uploads.quarantine import Draft

_PIECE: Final = 2 * 1024 * 1024
_PIECES: Final = 4096


class Receiving:
    """Bytes on their way into quarantine: one thread writes and hashes what came while more comes in."""

    def __init__(self, rule: UploadRule, bound: int, begin: Callable[[Kind], Draft]) -> None:
        self._rule = rule
        self._bound = bound
        self._begin = begin
        self._pieces: list[memoryview] = []
        self._waiting = self._size = 0
        self._file: tuple[Draft, str | None, Kind] | None = None
        self._refused: UploadRefused | None = None
        self._turn = anyio.Semaphore(1)

    async def run(self, request: Request, form: FormReader) -> tuple[Draft, str | None, Kind]:
        """Until the form has ended. Raises `UploadRefused`."""
        async with anyio.create_task_group() as tasks:
            try:
                await self._read(request, form, tasks)
            except UploadRefused as error:  # kept: the group would wrap it
                self._refused = error
        if self._refused is not None:
            raise self._refused
        if self._file is None:
            raise UploadRefused(Why.MISSING)
        return self._file

    async def _read(self, request: Request, form: FormReader, tasks: TaskGroup) -> None:
        try:
            async for chunk in request.stream():
                for piece in form.read(chunk):
                    if isinstance(piece, FileBegins):
                        kind = self._rule.kind(piece.name, piece.declared)
                        self._file = (await to_thread.run_sync(self._begin, kind), piece.name, kind)
                    else:
                        await self._take(piece, tasks)
        except ClientDisconnect:
            raise UploadRefused(Why.MALFORMED, "the client hung up") from None
        form.finish()
        await self._pass_on(tasks)

    async def _take(self, piece: memoryview, tasks: TaskGroup) -> None:
        self._size += len(piece)
        if self._size > self._bound:
            raise UploadRefused(Why.SIZE)
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _PIECE or len(self._pieces) >= _PIECES:
            await self._pass_on(tasks)

    async def _pass_on(self, tasks: TaskGroup) -> None:
        await self._turn.acquire()
        if self._refused is not None:
            raise self._refused
        if self._file is not None:
            tasks.start_soon(self._write, self._file[0], self._pieces)
        self._pieces, self._waiting = [], 0

    async def _write(self, draft: Draft, pieces: list[memoryview]) -> None:
        try:
            await to_thread.run_sync(draft.write_all, pieces)
        except UploadRefused as error:
            self._refused = error
        finally:
            self._turn.release()
