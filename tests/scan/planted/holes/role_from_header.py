from fastapi import APIRouter, HTTPException, Request

router = APIRouter()


@router.delete("/users/{user_id}")
async def remove(user_id: int, request: Request) -> dict[str, int]:
    if request.headers.get("X-Role") != "admin":
        raise HTTPException(403)
    return {"removed": user_id}
