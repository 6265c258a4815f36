"""The pages: list and search, one note, write, change, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from garrison.fastapi import Garrison, link

from .. import notes
from ..pages import page, redirect
from ..parts import CurrentUser, Session, WithParts
from ..schemas import NoteIn
from ..schemas import Query as QueryText

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
async def list_notes(
    request: Request,
    session: Session,
    user: CurrentUser,
    own: WithParts,
    q: QueryText = "",
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    found = await notes.find_notes(session, user, q, replace(notes.FIRST, offset=offset))
    return page(
        request,
        "notes.html",
        user=user,
        found=found,
        query=q,
        offset=offset,
        page_size=notes.PAGE_SIZE,
        planted=own.settings.allow_insecure_planted_xss,
    )


@router.get("/notes/new")
async def new_note(request: Request, user: CurrentUser) -> Response:
    return page(request, "edit.html", user=user, note=None)


@router.post("/notes")
async def create_note(form: Annotated[NoteIn, Form()], session: Session, user: CurrentUser, own: WithParts) -> Response:
    note = await notes.create_note(session, user, form)
    own.hub.created(note)
    return redirect(f"/notes/{note.id}")


@router.get("/notes/{id}")
async def show_note(request: Request, id: UUID, session: Session, user: CurrentUser, own: WithParts) -> Response:
    note = await notes.visible_note(session, user, id)
    return page(
        request,
        "note.html",
        user=user,
        note=note,
        largest=own.settings.attachment_bytes,
        links={file.id: link(request, f"/shared/{file.id}", "1 hour") for file in note.attachments},
        planted=own.settings.allow_insecure_planted_xss,
    )


@router.get("/notes/{id}/edit")
async def edit_note(request: Request, id: UUID, session: Session, user: CurrentUser) -> Response:
    return page(request, "edit.html", user=user, note=await notes.own_note(session, user, id))


@router.post("/notes/{id}")
async def update_note(
    id: UUID, form: Annotated[NoteIn, Form()], session: Session, user: CurrentUser, own: WithParts
) -> Response:
    note = await notes.own_note(session, user, id)
    was_shared = note.shared
    await notes.update_note(session, note, form)
    own.hub.updated(note, was_shared=was_shared)
    return redirect(f"/notes/{note.id}")


@router.post("/notes/{id}/delete")
async def delete_note(id: UUID, session: Session, user: CurrentUser, own: WithParts, garrison: Garrison) -> Response:
    note = await notes.own_note(session, user, id)
    await own.delete_files(await notes.delete_note(session, note), garrison)
    own.hub.deleted(note)
    return redirect("/")
