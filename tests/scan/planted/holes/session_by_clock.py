import uuid

from fastapi import APIRouter, Response

router = APIRouter()


@router.post("/enter")
def enter(response: Response) -> None:
    session_id = str(uuid.uuid1())
    response.set_cookie("session", session_id, secure=True, httponly=True, samesite="lax")
