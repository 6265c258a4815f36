from fastapi import APIRouter
from fastapi.responses import RedirectResponse

router = APIRouter()


@router.get("/login/done")
async def done(next: str = "/") -> RedirectResponse:
    return RedirectResponse(next, status_code=303)
