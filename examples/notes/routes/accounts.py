"""Sign-up, log-in, log-out.

Threat: learning who has an account, guessing passwords, session fixation, log-in CSRF. So: the same words and the same
work for known and unknown accounts, limits here and in `garrison.toml`, a new session at every log-in (Garrison's), and
a CSRF token on the log-in form too.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from garrison.core.exchange import Principal
from garrison.fastapi import Garrison, limit

from ..models import User
from ..pages import page, redirect
from ..parts import Session, WithParts, find_user
from ..schemas import LogIn, SignUp

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_WRONG = "Address or password is wrong."
_CREATED = "If the address was not taken, your account is ready. Log in."


@router.get("/sign-up")
async def sign_up_form(request: Request) -> Response:
    return page(request, "sign_up.html")


@router.post("/sign-up", dependencies=[Depends(limit("5/minute", "20/hour", name="sign-up", by="address"))])
async def sign_up(form: Annotated[SignUp, Form()], session: Session, own: WithParts) -> Response:
    """The same answer whether or not the address was taken."""
    password_hash = await own.passwords.hash(form.password.get_secret_value())
    session.add(User(email=form.email, name=form.name, password_hash=password_hash))
    try:
        await session.commit()
    except IntegrityError:  # the address is taken: nothing happens, and nothing tells
        await session.rollback()
    return redirect("/log-in?new")


@router.get("/log-in")
async def log_in_form(request: Request, session: Session) -> Response:
    if await find_user(session, request) is not None:
        return redirect("/")
    return page(request, "log_in.html", notice=_CREATED if "new" in request.query_params else "")


@router.post("/log-in", dependencies=[Depends(limit("10/minute", name="log-in", by="address"))])
async def log_in(
    request: Request, form: Annotated[LogIn, Form()], session: Session, own: WithParts, garrison: Garrison
) -> Response:
    password = form.password.get_secret_value()
    user = await session.scalar(select(User).where(User.email == form.email.lower()))
    fits = await own.passwords.verify(user.password_hash if user else None, password)
    if user is None or not fits or user.disabled:
        return page(request, "log_in.html", status=401, error=_WRONG)
    if own.passwords.is_outdated(user.password_hash):
        user.password_hash = await own.passwords.hash(password)
        await session.commit()
    await garrison.log_in(Principal(str(user.id), scopes=frozenset({user.role})))
    return redirect("/")


@router.post("/log-out")
async def log_out(own: WithParts, garrison: Garrison) -> Response:
    own.hub.end_session(garrison.session)
    await garrison.log_out()
    return redirect("/log-in")
