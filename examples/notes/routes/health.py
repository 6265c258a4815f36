"""For probes: alive, and the database answers."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from garrison.fastapi import public

from ..errors import DATABASE_AWAY
from ..parts import Session
from ..schemas import Health

router = APIRouter(include_in_schema=False, dependencies=[public])


@router.get("/healthz", response_model=Health)
async def health(session: Session) -> Health:
    try:
        await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        raise DATABASE_AWAY.error() from None
    return Health(status="ok")
