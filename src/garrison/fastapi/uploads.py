"""`UploadPolicy`: one file of a multipart form, judged in quarantine before the endpoint sees it.

    uploads = UploadPolicy()  # as `[uploads]` of the policy has it; or say it here: UploadPolicy("var/files", rule)

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
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread
from fastapi import Request

from ..core.errors import OperatorError
from ..core.exchange import Exchange
from ..core.verdict import Reason, Refuse
from ..events.vocabulary import EventName
from ..inputs.uploads import Accepted, Store, UploadRefused, UploadRule, Why
from ..inputs.uploads.form import FormReader
from ..inputs.uploads.kinds import Kind
from ..inputs.uploads.quarantine import Draft
from ..layers.body import read_form
from ..policy.load import load
from ..policy.model import Policy
from ..policy.section_body import BodySection
from ..policy.section_uploads import UploadsSection
from .accounts import refuse
from .current import exchange
from .limits import limit
from .upload_stream import Receiving

_T = TypeVar("_T")
_AT_ONCE: Final = 4
_REASONS: Final = {
    Why.MALFORMED: Reason.BODY_MALFORMED,
    Why.MISSING: Reason.BODY_MALFORMED,
    Why.SIZE: Reason.BODY_TOO_LARGE,
    Why.SCANNER: Reason.SCANNER_AWAY,
    Why.STORAGE: Reason.STORE_AWAY,
}


class FolderMissing(OperatorError):
    """Uploads that nobody gave a folder."""


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

    folder    where quarantine and files lie: outside every folder that is served (default: `uploads.folder`)
    rule      what may come in (default: what the policy's section `uploads` says)
    name      the uploads of the policy that this is for: "avatars" for `[uploads.named.avatars]`
    policy    where the section is read, as `harden` takes it (default: the policy file that `harden` finds)
    field     the form field with the file
    at_once   files that are judged at a time; more wait (default: `uploads.at_once`)

    What comes from the policy is read by `prepare`.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        rule: UploadRule | None = None,
        *,
        name: str = "",
        policy: Policy | str | Path | None = None,
        field: str = "file",
        at_once: int | None = None,
    ) -> None:
        if rule is not None and name:
            raise ValueError("a rule or a name of the policy's, not both")
        self._folder, self._rule, self._name, self._policy = folder, rule, name, policy
        self._section: UploadsSection | None = None
        self._charge: Callable[[Request], Awaitable[None]] | None = None
        self._store = None if folder is None else Store(Path(folder))
        self._field = field
        self._at_once = at_once
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def rule(self) -> UploadRule:
        """What may come in. Raises RuntimeError before `prepare`, where the policy says it."""
        return _prepared(self._rule)

    @property
    def store(self) -> Store:
        """Where files lie. Raises RuntimeError before `prepare`, where the policy says it."""
        return _prepared(self._store)

    async def prepare(self) -> None:
        """At the start of the application: read the policy, make the folders and try every control. Raises
        `ControlFailed`, `OperatorError`, `DependencyError` and `OSError`; the application must not start then."""
        await to_thread.run_sync(self._settle)
        await to_thread.run_sync(self.store.prepare)
        await to_thread.run_sync(self.rule.self_test, self.store)
        self._limiter = anyio.CapacityLimiter(self._at_once or _AT_ONCE)

    def _settle(self) -> None:
        """Read from the policy what was not given here."""
        if self._section is not None or (self._rule is not None and self._folder is not None):
            return
        section = load(self._policy, os.environ).policy.uploads
        if self._folder is None and not section.folder:
            raise FolderMissing(
                "Nobody says where uploads lie.", remedy='Set uploads.folder = "/var/lib/…", or name it here.'
            )
        if self._rule is None:
            self._rule = UploadRule.of(section, self._name)
            own = section.named[self._name].rate if self._name else None
            rates = section.rate if own is None else own
            if rates:
                self._charge = limit(*rates, name=f"uploads-{self._name or 'default'}")
        self._store = Store(Path(self._folder or section.folder), section.keep_quarantine)
        self._at_once = self._at_once or section.at_once
        self._section = section

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
        limiter = _prepared(self._limiter)
        if self._section is not None and current.services.uploads != self._section:
            raise RuntimeError("harden() has another policy: hand the same one to UploadPolicy(policy=…)")
        if self._charge is not None:
            await self._charge(request)
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
        """Remove a stored file, and record who did. Raises ValueError for a key that is not one of ours."""
        await to_thread.run_sync(self.store.delete, key)
        who = current.principal.id if current.principal else ""
        current.services.emit(EventName.UPLOAD_DELETE, current.facts, principal=who, file=_grouped(key))

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
        receiving = Receiving(self.rule, bound, functools.partial(self._begin, drafts))
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


async def _here(current: Exchange, act: Callable[[], _T]) -> _T:
    try:
        return await to_thread.run_sync(act)
    except UploadRefused as error:
        refuse(current, _refusal(error))


def _prepared(part: _T | None) -> _T:
    if part is None:
        raise RuntimeError("await UploadPolicy.prepare() when the application starts")
    return part


def _grouped(digits: str) -> str:
    """In groups of eight: in one piece the redaction of events takes it for a secret."""
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def _refusal(error: UploadRefused) -> Refuse:
    reason = _REASONS.get(error.why, Reason.UPLOAD_REFUSED)
    detail = f"{error.why}: {error.detail}" if error.detail else str(error.why)
    return Refuse(reason, error.status, layer="uploads", detail=detail, hint=str(error))
