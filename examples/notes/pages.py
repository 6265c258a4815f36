"""Rendering of pages: templates, filters, and how errors look."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from garrison.fastapi import AccessRefused, FreshLoginNeeded, templates

from .markdown import render
from .models import User
from .parts import LogInFirst

HERE: Final = Path(__file__).parent
_TEMPLATES: Final = templates(HERE / "templates")
_BACK: Final = {"/account/keys": "/account/keys"}
_TITLES: Final = {403: "Not for you", 404: "Not found", 405: "Not possible", 413: "Too large", 422: "Please check"}


def page(request: Request, name: str, *, status: int = 200, user: User | None = None, **values: Any) -> Response:
    """The template `name` as an answer. `user` is shown in the header of the page."""
    return _TEMPLATES.TemplateResponse(request, name, {"user": user, **values}, status_code=status)


def redirect(to: str) -> Response:
    """On to a page of ours, with GET."""
    return RedirectResponse(to, status_code=303)


def _moment(value: datetime) -> str:
    return f"{value:%d %b %Y, %H:%M} UTC"


def _initials(name: str) -> str:
    words = name.split()
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


def _hue(name: str) -> int:
    """One of eight colours, always the same for a name. Classes, because the CSP allows no style attributes."""
    return sum(name.encode()) % 8


def _size(value: int) -> str:
    return (
        f"{value} B" if value < 1024 else f"{value / 1024:.0f} KB" if value < 1024**2 else f"{value / 1024**2:.1f} MB"
    )


_TEMPLATES.env.filters.update(markdown=render, moment=_moment, initials=_initials, hue=_hue, size=_size)


def wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if not wants_page(request):
        return await http_exception_handler(request, error)
    if isinstance(error, FreshLoginNeeded):
        return redirect(f"/account/confirm?then={_BACK.get(request.url.path, '')}")
    if isinstance(error, LogInFirst) or (isinstance(error, AccessRefused) and error.status_code == 401):
        return redirect("/log-in")
    title = _TITLES.get(error.status_code, "That did not work")
    return page(request, "error.html", status=error.status_code, title=title, detail=str(error.detail))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Name the fields, never what was in them."""
    if not isinstance(error, RequestValidationError):
        raise error
    if not wants_page(request):
        # FastAPI's own handler repeats the input, and fails on input that is no Unicode (half a surrogate pair).
        told = [{name: place[name] for name in ("type", "loc", "msg")} for place in error.errors()]
        return JSONResponse({"detail": told}, 422)
    if any(place["loc"][0] == "path" for place in error.errors()):
        return page(request, "error.html", status=404, title=_TITLES[404], detail="There is no such thing here.")
    fields = sorted({str(place["loc"][-1]) for place in error.errors() if place["loc"][0] == "body"})
    known = [name for name in fields if name in {"email", "name", "password", "title", "body", "shared", "file"}]
    detail = f"Not valid or missing: {', '.join(known)}." if known else "Something in the request is not valid."
    return page(request, "error.html", status=422, title=_TITLES[422], detail=detail)


def install_error_pages(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
