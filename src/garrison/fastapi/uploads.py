"""`UploadPolicy`: one file of a multipart form, judged in quarantine before the endpoint sees it.

    uploads = UploadPolicy("var/files", UploadRule(allow=("images",), most="5 MB"))

    @app.post("/pictures", openapi_extra=uploads.openapi)
    async def add(file: Annotated[Upload, Depends(uploads)]) -> ...:
        key = await file.keep()

Threat: see `garrison.inputs.uploads`. The body goes from the socket to quarantine, through no buffer of the framework,
and is parsed once: what the layer `body` judged is what is stored. So memory stays what it is whatever the size; name,
extension and declared type are judged before the first byte is written, the size while bytes come. A file that the
endpoint does not keep is gone when it ends, also by an error.

Assumption: the application is behind `harden`, and `prepare` was awaited at the start: it tries every control, and
without it each upload raises. Lets pass: many uploads one after the other (`limit`, or the route class's rate).
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from fastapi import Request
from starlette.requests import ClientDisconnect

from ..core.exchange import Exchange
from ..core.verdict import Reason, Refuse
from ..events.vocabulary import EventName
from ..inputs.uploads import Accepted, Store, UploadRefused, UploadRule, Why
from ..inputs.uploads.form import FileBegins, FormReader
from ..inputs.uploads.kinds import Kind
from ..inputs.uploads.quarantine import Draft
from ..layers.body import read_form
from ..policy.section_body import BodySection
from .accounts import refuse
from .current import exchange

_T = TypeVar("_T")
_PIECE: Final = 1024 * 1024
_PIECES: Final = 4096
_REASONS: Final = {
    Why.MALFORMED: Reason.BODY_MALFORMED,
    Why.MISSING: Reason.BODY_MALFORMED,
    Why.SIZE: Reason.BODY_TOO_LARGE,
    Why.SCANNER: Reason.SCANNER_AWAY,
    Why.STORAGE: Reason.STORE_AWAY,
}


class Upload:
    """A file that passed, in quarantine. `fields` are the form's other fields; `info` says what the file is."""

    def __init__(self, draft: Draft, info: Accepted, fields: dict[str, str], current: Exchange) -> None:
        self.info = info
        self.fields = fields
        self._draft = draft
        self._exchange = current
        self._key = ""

    @property
    def key(self) -> str:
        """The random name under which it is kept; empty before that."""
        return self._key

    @property
    def owner(self) -> str:
        """The id of the principal who sent it; empty for anonymous."""
        return self._exchange.principal.id if self._exchange.principal else ""

    async def read(self) -> bytes:
        """All of it, in memory: for files that are read and not kept. The rule's size bounds it."""
        return await to_thread.run_sync(self._draft.path.read_bytes)

    async def keep(self) -> str:
        """Move it into the store, and record who brought what (SHA-256). Its key there."""
        if not self._key:
            self._key = await _here(self._exchange, self._draft.keep)
            self._exchange.services.emit(
                EventName.UPLOAD_STORED,
                self._exchange.facts,
                principal=self.owner,
                file=_grouped(self._key),
                kind=self.info.kind,
                size=self.info.size,
                sha256=_grouped(self.info.sha256),
                examined=self.info.examined,
            )
        return self._key


class UploadPolicy:
    """A dependency that gives an `Upload`, and refuses every other file.

    folder    where quarantine and files lie: outside every folder that is served
    rule      what may come in
    field     the form field with the file
    at_once   files that are judged at a time; more wait
    """

    def __init__(
        self, folder: str | Path, rule: UploadRule | None = None, *, field: str = "file", at_once: int = 4
    ) -> None:
        self.rule = rule or UploadRule()
        self.store = Store(Path(folder))
        self._field = field
        self._at_once = at_once
        self._limiter: anyio.CapacityLimiter | None = None

    async def prepare(self) -> None:
        """At the start of the application: make the folders and try every control. Raises `ControlFailed`,
        `DependencyError` and `OSError`; the application must not start then."""
        await to_thread.run_sync(self.store.prepare)
        await to_thread.run_sync(self.rule.self_test, self.store)
        self._limiter = anyio.CapacityLimiter(self._at_once)

    async def __call__(self, request: Request) -> AsyncIterator[Upload]:
        async with self.receive(request) as upload:
            yield upload

    @property
    def openapi(self) -> dict[str, Any]:
        """`openapi_extra` for the route: the body is read here, so FastAPI does not know of it."""
        schema = {
            "type": "object",
            "required": [self._field],
            "properties": {self._field: {"type": "string", "format": "binary"}},
        }
        return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}

    @asynccontextmanager
    async def receive(self, request: Request, *, most: int | None = None) -> AsyncIterator[Upload]:
        """The request's file, for an endpoint that knows a bound of its own: `most` bytes, if that is less than the
        rule's. Refusals are answered as problem+json and recorded. Raises RuntimeError without `prepare`."""
        current = exchange(request)
        limiter = self._limiter
        if limiter is None:
            raise RuntimeError("await UploadPolicy.prepare() when the application starts")
        drafts: list[Draft] = []
        try:
            try:
                upload = await self._judged(request, current, drafts, limiter, most)
            except UploadRefused as error:
                refuse(current, _refusal(error))
            yield upload
        finally:
            with anyio.CancelScope(shield=True):  # a client that hangs up must not leave a file behind
                for draft in drafts:
                    await to_thread.run_sync(draft.discard)

    async def delete(self, key: str, current: Exchange) -> None:
        """Remove a stored file, and record it. Raises ValueError for a key that is not one of ours."""
        await to_thread.run_sync(self.store.delete, key)
        current.services.emit(EventName.UPLOAD_DELETE, current.facts, file=_grouped(key))

    async def _judged(
        self,
        request: Request,
        current: Exchange,
        drafts: list[Draft],
        limiter: anyio.CapacityLimiter,
        most: int | None,
    ) -> Upload:
        bound = self.rule.largest if most is None else max(0, min(most, self.rule.largest))
        form = self._form(current)
        receiving = _Receiving(self.rule, bound, functools.partial(self._begin, drafts))
        draft, name, kind = await receiving.run(request, form)
        judge = functools.partial(self.rule.judge, draft, name, kind, self.store)
        kept, info = await to_thread.run_sync(judge, limiter=limiter)
        if kept is not draft:
            drafts.append(kept)
        return Upload(kept, info, form.fields, current)

    def _form(self, current: Exchange) -> FormReader:
        """The layer's reading of the body, where it has one: what was judged is what is stored."""
        judged = current.form
        form = judged or read_form(current.facts, BodySection())
        if form is None:
            raise UploadRefused(Why.MALFORMED, "no multipart form")
        return FormReader(form, self._field, judged=judged is not None)

    def _begin(self, drafts: list[Draft], kind: Kind) -> Draft:
        draft = self.rule.draft(kind, self.store)
        drafts.append(draft)
        return draft


class _Receiving:
    """Bytes on their way into quarantine: one thread writes and hashes a megabyte while the next one comes in."""

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


async def _here(current: Exchange, act: Callable[[], _T]) -> _T:
    try:
        return await to_thread.run_sync(act)
    except UploadRefused as error:
        refuse(current, _refusal(error))


def _grouped(digits: str) -> str:
    """In groups of eight: in one piece the redaction of events takes it for a secret."""
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def _refusal(error: UploadRefused) -> Refuse:
    reason = _REASONS.get(error.why, Reason.UPLOAD_REFUSED)
    detail = f"{error.why}: {error.detail}" if error.detail else str(error.why)
    return Refuse(reason, error.status, layer="uploads", detail=detail, hint=str(error))
