import os

from fastapi import APIRouter
from fastapi.responses import FileResponse

router = APIRouter()
BASE = "/srv/pictures"


@router.get("/pictures")
def picture(file: str) -> FileResponse:
    target = os.path.join(BASE, os.path.basename(file))
    return FileResponse(target)
