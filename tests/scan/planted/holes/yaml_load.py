import yaml
from fastapi import APIRouter, Request

router = APIRouter()


@router.post("/import")
async def take(request: Request) -> object:
    return yaml.load(await request.body(), Loader=yaml.Loader)
