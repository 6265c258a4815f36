"""Attachments: upload by a note's owner, download by who may read the note."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, HTTPException, UploadFile
from fastapi.responses import FileResponse, Response

from .. import notes
from ..files import TooLarge, shown_name
from ..models import Attachment
from ..pages import redirect
from ..parts import CurrentUser, Session, WithParts

router = APIRouter(include_in_schema=False)

_PER_NOTE = 20


@router.post("/notes/{id}/attachments")
async def upload(
    id: UUID, file: Annotated[UploadFile, File()], session: Session, user: CurrentUser, own: WithParts
) -> Response:
    note = await notes.own_note(session, user, id)
    if len(note.attachments) >= _PER_NOTE:
        raise HTTPException(409, f"A note has {_PER_NOTE} attachments at most.")
    room = own.settings.storage_bytes - await notes.stored_bytes(session, user)
    limit = max(0, min(own.settings.attachment_bytes, room))
    try:
        key, size = await own.files.save(file, limit)
    except TooLarge:
        raise HTTPException(413, "The file is too large, or your space is used up.") from None
    session.add(Attachment(note_id=note.id, name=shown_name(file.filename), key=key, size=size))
    await session.commit()
    return redirect(f"/notes/{note.id}")


@router.get("/attachments/{id}", response_class=FileResponse)
async def download(id: UUID, session: Session, user: CurrentUser, own: WithParts) -> FileResponse:
    """Always a download of an unspecific type: what somebody uploaded never becomes a page of this site."""
    found = await notes.visible_attachment(session, user, id)
    return FileResponse(
        own.files.path(found.key),
        media_type="application/octet-stream",
        filename=found.name,
        content_disposition_type="attachment",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )
