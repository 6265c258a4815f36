"""Everything you wrote, as a JSON download."""

from __future__ import annotations

from fastapi import APIRouter, Response

from garrison.fastapi import refusals

from .. import notes
from ..models import now
from ..parts import CurrentUser, Session
from ..schemas import NOT_LOGGED_IN, Account, Export, NoteOut

router = APIRouter(tags=["export"], responses=refusals() | NOT_LOGGED_IN)


@router.get("/export", response_model=Export)
async def export(response: Response, session: Session, user: CurrentUser) -> Export:
    """Your account and your notes. Attachments are listed; fetch them one by one."""
    response.headers["Content-Disposition"] = 'attachment; filename="notes.json"'
    own = await notes.own_notes(session, user)
    return Export(
        exported=now(), account=Account.model_validate(user), notes=[NoteOut.model_validate(note) for note in own]
    )
