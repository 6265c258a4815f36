from fastapi import APIRouter, HTTPException

router = APIRouter()


@router.post("/admin/login")
def login(password: str) -> dict[str, bool]:
    if password != "Tr0ub4dor&3":
        raise HTTPException(401)
    return {"admin": True}
