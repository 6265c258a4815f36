from fastapi import APIRouter, HTTPException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()
SORTS = {"name": "name", "price": "price DESC"}


@router.get("/goods")
async def goods(session: AsyncSession, sort: str = "name") -> list[object]:
    if sort not in SORTS:
        raise HTTPException(400)
    return list(await session.execute(text("SELECT * FROM goods ORDER BY " + SORTS[sort])))
