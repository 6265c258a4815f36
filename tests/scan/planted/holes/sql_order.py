from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()


@router.get("/goods")
async def goods(session: AsyncSession, sort: str = "name") -> list[object]:
    return list(await session.execute(text(f"SELECT * FROM goods ORDER BY {sort}")))
