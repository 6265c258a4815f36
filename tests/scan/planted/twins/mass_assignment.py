from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class Account:
    name = ""
    admin = False


class Change(BaseModel):
    name: str


@router.patch("/me")
async def change(wanted: Change) -> dict[str, str]:
    account = Account()
    account.name = wanted.name
    return {"name": account.name}
