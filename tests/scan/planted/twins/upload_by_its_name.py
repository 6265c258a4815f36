import secrets
from pathlib import Path

from fastapi import APIRouter, UploadFile

router = APIRouter()


@router.post("/avatars")
async def avatar(picture: UploadFile) -> None:
    target = Path("quarantine") / secrets.token_hex(16)
    target.write_bytes(await picture.read(1_000_000))
