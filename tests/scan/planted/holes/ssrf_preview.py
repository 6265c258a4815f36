import httpx
from fastapi import APIRouter

router = APIRouter()


@router.get("/preview")
async def preview(url: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, timeout=5)
    return answer.text[:500]
