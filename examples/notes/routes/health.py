"""For probes: alive, and the database answers."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from garrison.fastapi import public

from ..parts import Session
from ..schemas import Health

router = APIRouter(include_in_schema=False, dependencies=[public])


@router.get("/healthz", response_model=Health)
async def health(session: Session) -> Health:
    try:
        await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        raise HTTPException(503, "The database does not answer.") from None
    return Health(status="ok")
