"""The administrators' page: accounts, and the switch that disables one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from garrison.fastapi import NOT_HERE

from ..errors import NOT_YOURSELF
from ..models import Note, User
from ..pages import page, redirect
from ..parts import Admin, Session, WithParts
from ..schemas import Switch

router = APIRouter(prefix="/admin", include_in_schema=False, default_response_class=HTMLResponse)

_SHOWN = 200


@router.get("")
async def accounts(request: Request, session: Session, admin: Admin) -> Response:
    counts = select(Note.owner_id, func.count().label("notes")).group_by(Note.owner_id).subquery()
    rows = await session.execute(
        select(User, func.coalesce(counts.c.notes, 0))
        .outerjoin(counts, counts.c.owner_id == User.id)
        .order_by(User.created)
        .limit(_SHOWN)
    )
    return page(request, "admin.html", user=admin, accounts=[(account, count) for account, count in rows])


@router.post("/users/{id}")
async def switch(id: UUID, form: Annotated[Switch, Form()], session: Session, admin: Admin, own: WithParts) -> Response:
    """Disable or enable an account. Takes effect with its next request; its sockets close now."""
    account = await session.get(User, id)
    if account is None:
        raise NOT_HERE.error()
    if account.id == admin.id:
        raise NOT_YOURSELF.error()
    account.disabled = form.disabled
    await session.commit()
    if form.disabled:
        own.hub.end_user(account.id)
    return redirect("/admin")
