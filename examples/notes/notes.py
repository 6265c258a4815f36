"""Notes and who may do what with them. Every query names the person who asks; what they may not see does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from garrison.core.exchange import Principal
from garrison.fastapi import NOT_HERE
from garrison.fastapi.listing import Page
from garrison.fastapi.ownership import Owned, owned_by
from garrison.inputs.queries import Listing

from .markdown import plain
from .models import Attachment, Note, User, now
from .schemas import NoteIn, NoteList, NoteSummary

_EXCERPT = 150
PAGE_SIZE = 30


NOTES: Final = Listing(
    {"title": Note.title, "updated": Note.updated, "created": Note.created, "shared": Note.shared, "text": Note.body},
    key=Note.id, order="-updated", search=("title", "text"),
)  # fmt: skip
"""What lists of notes may be filtered and sorted by, and searched in."""
FIRST: Final = Page((), (), PAGE_SIZE, 0)


def summary(note: Note) -> NoteSummary:
    """The note as lists show it."""
    text = plain(note.body)
    out = NoteSummary.model_validate(note)
    out.excerpt = text if len(text) <= _EXCERPT else text[:_EXCERPT].rstrip() + "…"
    return out


def _visible_to(user: User) -> ColumnElement[bool]:
    return or_(Note.owner_id == user.id, Note.shared)


async def find_notes(session: AsyncSession, user: User, query: str = "", page: Page = FIRST) -> NoteList:
    """A page of the notes `user` may see whose title or text contains `query`."""
    found = await NOTES.fetch(session, select(Note).where(_visible_to(user)), search=query, **page.options)
    return NoteList(notes=[summary(note) for note in found.rows], more=found.more)


async def visible_note(session: AsyncSession, user: User, id: UUID) -> Note:
    """The note, if `user` may read it. Raises `NOT_HERE`."""
    return await _one(session, Note.id == id, _visible_to(user))


def _owned(user: User) -> Owned:
    return owned_by(Principal(str(user.id)), Note.owner_id)


async def own_note(session: AsyncSession, user: User, id: UUID) -> Note:
    """The note, if `user` may change it. Raises `NOT_HERE`."""
    return await _owned(user).one(session, Note, Note.id == id)


async def own_notes(session: AsyncSession, user: User) -> Sequence[Note]:
    """All notes of `user`, oldest first."""
    return (await session.scalars(_owned(user).select(Note).order_by(Note.created))).all()


async def _one(session: AsyncSession, *conditions: ColumnElement[bool]) -> Note:
    note = await session.scalar(select(Note).where(*conditions))
    if note is None:
        raise NOT_HERE.error()
    return note


async def create_note(session: AsyncSession, user: User, given: NoteIn) -> Note:
    note = Note(owner=user, title=given.title, body=given.body, shared=given.shared, attachments=[])
    session.add(note)
    await session.commit()
    return note


async def update_note(session: AsyncSession, note: Note, given: NoteIn) -> None:
    note.title, note.body, note.shared, note.updated = given.title, given.body, given.shared, now()
    await session.commit()


async def delete_note(session: AsyncSession, note: Note) -> list[str]:
    """Delete the note. Returns the keys of its files, which have to go too."""
    keys = [attachment.key for attachment in note.attachments]
    await session.delete(note)
    await session.commit()
    return keys


async def visible_attachment(session: AsyncSession, user: User, id: UUID) -> Attachment:
    """The attachment, if `user` may read its note. Raises `NOT_HERE`."""
    found = await session.scalar(select(Attachment).join(Note).where(Attachment.id == id, _visible_to(user)))
    if found is None:
        raise NOT_HERE.error()
    return found


async def attachment(session: AsyncSession, id: UUID) -> Attachment:
    """The attachment, for whoever has a signed link to it. Raises `NOT_HERE`."""
    found = await session.get(Attachment, id)
    if found is None:
        raise NOT_HERE.error()
    return found


async def stored_bytes(session: AsyncSession, user: User) -> int:
    """The size of all files of `user` together."""
    total = await session.scalar(select(func.sum(Attachment.size)).join(Note).where(Note.owner_id == user.id))
    return int(total or 0)
