from urllib.request import urlopen

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class Hook(BaseModel):
    target: str
    event: str


@router.post("/hooks/test")
def try_hook(hook: Hook) -> dict[str, int]:
    with urlopen(hook.target, timeout=5) as answer:
        return {"status": answer.status}
