import httpx
from fastapi import APIRouter

router = APIRouter()
FEEDS = {"news": "https://feeds.example.com/news", "jobs": "https://feeds.example.com/jobs"}


@router.get("/preview")
async def preview(feed: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(FEEDS[feed], timeout=5)
    return answer.text[:500]
