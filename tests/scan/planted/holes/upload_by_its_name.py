from pathlib import Path

from fastapi import APIRouter, UploadFile

router = APIRouter()


@router.post("/avatars")
async def avatar(picture: UploadFile) -> None:
    target = Path("static/avatars") / picture.filename
    target.write_bytes(await picture.read())
