from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()


@router.get("/hello", response_class=HTMLResponse)
def hello(name: str) -> HTMLResponse:
    return HTMLResponse(f"<h1>Hello {escape(name)}</h1>")
