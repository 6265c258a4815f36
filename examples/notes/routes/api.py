"""The JSON API: for the pages' scripts within a session, and for programs with an API key."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from garrison.fastapi import Garrison, JsonRoute, limit, refusals
from garrison.fastapi.listing import Page, asked

from .. import notes
from ..models import Note, User
from ..parts import ApiUser, MayRead, MayWrite, Session, WithParts
from ..schemas import NOT_LOGGED_IN, NOT_THERE, Me, NoteIn, NoteList, NoteOut
from ..schemas import Query as QueryText

Asked = Annotated[Page, Depends(asked(notes.NOTES, usual=notes.PAGE_SIZE))]

router = APIRouter(prefix="/api", tags=["notes"], responses=refusals() | NOT_LOGGED_IN, route_class=JsonRoute)


@router.get("/me", response_model=Me, dependencies=[MayRead])
async def me(user: ApiUser) -> User:
    """Who is asking."""
    return user


@router.get("/notes", response_model=NoteList, dependencies=[MayRead])
async def list_notes(session: Session, user: ApiUser, asked: Asked, q: QueryText = "") -> NoteList:
    """Notes you may read, newest first; `q` is looked for in title and text.

    `where` and `sort` name title, text, shared, created and updated.
    """
    return await notes.find_notes(session, user, q, asked)


@router.post(
    "/notes",
    response_model=NoteOut,
    status_code=201,
    dependencies=[MayWrite, Depends(limit("60/minute", name="create"))],
)
async def create_note(given: NoteIn, session: Session, user: ApiUser, own: WithParts) -> Note:
    """Write a note."""
    note = await notes.create_note(session, user, given)
    own.hub.created(note)
    return note


@router.get("/notes/{id}", response_model=NoteOut, dependencies=[MayRead], responses=NOT_THERE)
async def get_note(id: UUID, session: Session, user: ApiUser) -> Note:
    """One note."""
    return await notes.visible_note(session, user, id)


@router.put("/notes/{id}", response_model=NoteOut, dependencies=[MayWrite], responses=NOT_THERE)
async def replace_note(id: UUID, given: NoteIn, session: Session, user: ApiUser, own: WithParts) -> Note:
    """Change a note of yours."""
    note = await notes.own_note(session, user, id)
    was_shared = note.shared
    await notes.update_note(session, note, given)
    own.hub.updated(note, was_shared=was_shared)
    return note


@router.delete("/notes/{id}", status_code=204, dependencies=[MayWrite], responses=NOT_THERE)
async def delete_note(id: UUID, session: Session, user: ApiUser, own: WithParts, garrison: Garrison) -> None:
    """Delete a note of yours, and its attachments."""
    note = await notes.own_note(session, user, id)
    await own.delete_files(await notes.delete_note(session, note), garrison)
    own.hub.deleted(note)
