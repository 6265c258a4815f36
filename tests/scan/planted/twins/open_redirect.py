from fastapi import APIRouter
from fastapi.responses import RedirectResponse

router = APIRouter()
PLACES = {"home": "/", "cart": "/cart"}


@router.get("/login/done")
async def done(next: str = "home") -> RedirectResponse:
    return RedirectResponse(PLACES.get(next, "/"), status_code=303)
