import os
import secrets

from fastapi import APIRouter, HTTPException

router = APIRouter()


@router.post("/admin/login")
def login(password: str) -> dict[str, bool]:
    if not secrets.compare_digest(password.encode(), os.environ["ADMIN_WORD"].encode()):
        raise HTTPException(401)
    return {"admin": True}
