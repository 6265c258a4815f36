from fastapi import APIRouter, Response

router = APIRouter()


@router.post("/enter")
def enter(response: Response) -> None:
    response.set_cookie("session_id", "b64value", secure=True, httponly=True, samesite="lax")
