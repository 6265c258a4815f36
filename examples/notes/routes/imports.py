"""Export as JSON or CSV, and import of what was exported.

Threat: a table that runs in the spreadsheet of whoever opens it; a file that is no export, too deep or too large for
memory, or sets what its sender may not: ids, owners, times. So cells are encoded, the file is judged and bounded before
it is parsed, and of each note only title, text and whether it is shared are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import ConfigDict, Field, ValidationError

from garrison.fastapi import limit
from garrison.inputs.downloads import disposition
from garrison.inputs.encode_csv import Cell, csv_lines
from garrison.inputs.json import JsonLimits, JsonRefused, loads

from .. import notes
from ..errors import NO_EXPORT
from ..models import Note
from ..pages import page, redirect
from ..parts import CurrentUser, Parts, Session, WithParts
from ..schemas import NoteIn, Payload

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_MOST: Final = 500
_LIMITS: Final = JsonLimits(size=2 * 1024**2, depth=8)


class ImportedNote(NoteIn):
    """What is taken of a note; the rest of the export is left where it is."""

    model_config = ConfigDict(extra="ignore")


class Imported(Payload):
    """An export, as `/export` writes it."""

    model_config = ConfigDict(extra="ignore")

    notes: Annotated[list[ImportedNote], Field(max_length=_MOST)]


@router.get("/data")
async def show(request: Request, user: CurrentUser, done: int = 0) -> Response:
    return page(request, "data.html", user=user, done=max(0, min(done, _MOST)), most=_MOST)


@router.get("/export.csv")
async def export_csv(session: Session, user: CurrentUser) -> Response:
    """Your notes as a table."""
    own = await notes.own_notes(session, user)
    headers = {"Content-Disposition": disposition("notes.csv"), "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(csv_lines(_rows(own)), media_type="text/csv; charset=utf-8", headers=headers)


def _rows(own: Iterable[Note]) -> Iterator[list[Cell]]:
    yield ["title", "text", "shared", "updated"]
    for note in own:
        yield [note.title, note.body, "yes" if note.shared else "no", note.updated.isoformat()]


@router.post("/import", dependencies=[Depends(limit("10/hour", name="import"))])
async def import_notes(request: Request, session: Session, user: CurrentUser, own: WithParts) -> Response:
    """Add the notes of an export to yours. All of them, or none."""
    given = await _read(request, own)
    session.add_all(
        Note(owner=user, title=one.title, body=one.body, shared=one.shared, attachments=[]) for one in given.notes
    )
    await session.commit()
    return redirect(f"/data?done={len(given.notes)}")


async def _read(request: Request, own: Parts) -> Imported:
    async with own.imports.receive(request) as file:
        data = await file.read()
    try:
        return Imported.model_validate(loads(data, _LIMITS))
    except (JsonRefused, ValidationError):
        raise NO_EXPORT.error(most=_MOST) from None
