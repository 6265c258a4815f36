from fastapi import APIRouter, Request

router = APIRouter()


class Account:
    name = ""
    admin = False


@router.patch("/me")
async def change(request: Request) -> dict[str, str]:
    account = Account()
    for key, value in (await request.json()).items():
        setattr(account, key, value)
    return {"name": account.name}
