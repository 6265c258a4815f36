"""Attachments: upload by a note's owner, download by who may read the note, or by a link that ends.

Threat: a file that is something else than it says, fills the disk, or becomes a page of this site. What comes in is
judged by `UploadPolicy`; what goes out is a download with a name, `nosniff` and a sandbox.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from garrison.fastapi import download, signed_link

from .. import notes
from ..errors import ATTACHMENTS_FULL
from ..models import Attachment
from ..pages import redirect
from ..parts import CurrentUser, Parts, Session, WithParts

router = APIRouter(include_in_schema=False)

_PER_NOTE = 20


@router.post("/notes/{id}/attachments")
async def upload(id: UUID, request: Request, session: Session, user: CurrentUser, own: WithParts) -> Response:
    """Who may, and how much room there is, is asked before the file is read."""
    note = await notes.own_note(session, user, id)
    if len(note.attachments) >= _PER_NOTE:
        raise ATTACHMENTS_FULL.error(most=_PER_NOTE)
    room = own.settings.storage_bytes - await notes.stored_bytes(session, user)
    async with own.uploads.receive(request, most=min(room, own.settings.attachment_bytes)) as file:
        key, info = await file.keep(), file.info
    session.add(
        Attachment(note_id=note.id, name=info.name, key=key, size=info.size, media=info.media, sha256=info.sha256)
    )
    await session.commit()
    return redirect(f"/notes/{note.id}")


@router.get("/attachments/{id}")
async def get_attachment(id: UUID, request: Request, session: Session, user: CurrentUser, own: WithParts) -> Response:
    return _answer(request, own, await notes.visible_attachment(session, user, id))


@router.get("/shared/{id}", dependencies=[signed_link])
async def get_shared(id: UUID, request: Request, session: Session, own: WithParts) -> Response:
    """For whoever was given the link: nobody is logged in here. It ends by itself."""
    return _answer(request, own, await notes.attachment(session, id))


def _answer(request: Request, own: Parts, found: Attachment) -> Response:
    return download(request, own.uploads.store.path(found.key), found.name, found.sha256, media=found.media)
