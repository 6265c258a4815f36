from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException

router = APIRouter()


class User:
    role: str


async def current_user() -> User:
    raise HTTPException(401)


@router.delete("/users/{user_id}")
async def remove(user_id: int, user: Annotated[User, Depends(current_user)]) -> dict[str, int]:
    if user.role != "admin":
        raise HTTPException(403)
    return {"removed": user_id}
