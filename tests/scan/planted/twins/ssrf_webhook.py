from fastapi import APIRouter
from garrison.inputs.fetch import Fetcher
from pydantic import BaseModel

router = APIRouter()
fetcher = Fetcher()


class Hook(BaseModel):
    target: str
    event: str


@router.post("/hooks/test")
async def try_hook(hook: Hook) -> dict[str, int]:
    answer = await fetcher.get(hook.target)
    return {"status": answer.status}
