"""Sign-up, log-in, log-out.

Threat: learning who has an account, guessing passwords, session fixation, log-in CSRF. So: the same words and the same
work for known and unknown accounts, limits here and in `garrison.toml`, Garrison's log-in guard (waits that grow, a
trusted device for the owner), a new session at every log-in, and a CSRF token on the log-in form too.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from garrison.accounts import SecondFactorOwed, Stored, WrongPassword, log_in_with_password
from garrison.accounts.ladder import spell
from garrison.core.exchange import Principal
from garrison.core.verdict import Refuse
from garrison.fastapi import Garrison, WithAccounts, limit, public

from ..models import User
from ..pages import page, redirect
from ..parts import Parts, Session, WithParts, find_user
from ..schemas import LogIn, SignUp

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse, dependencies=[public])

_WRONG = "Address or password is wrong."
_NOTICES = {
    "new": "If the address was not taken, your account is ready. Log in.",
    "out": "You are signed out everywhere.",
    "elsewhere": "That log-in did not work. If you have an account already, log in with your password first.",
}


@router.get("/sign-up")
async def sign_up_form(request: Request) -> Response:
    return page(request, "sign_up.html")


@router.post("/sign-up", dependencies=[Depends(limit("5/minute", "20/hour", name="sign-up", by="address"))])
async def sign_up(
    request: Request, form: Annotated[SignUp, Form()], garrison: Garrison, accounts: WithAccounts, own: WithParts
) -> Response:
    """The same answer after the same time, whether or not the address was taken; a new account is there by then."""
    password = form.password.get_secret_value()
    faults = await accounts.rules.faults(password, context=(form.email, form.name))
    if faults:
        return page(request, "sign_up.html", status=422, faults=[fault.message for fault in faults])
    password_hash = await own.passwords.hash(password)
    user = User(email=form.email, name=form.name, password_hash=password_hash)
    refusal = await accounts.requests.accept(garrison, form.email, partial(_create, own, user), done_first=True)
    if refusal is not None:
        return _refused(request, "sign_up.html", refusal, faults=[refusal.hint])
    return redirect("/log-in?new")


async def _create(own: Parts, user: User) -> None:
    async with own.database.sessions() as session:
        session.add(user)
        try:
            await session.commit()
        except IntegrityError:  # the address is taken: nothing happens, and nothing tells
            await session.rollback()


@router.get("/log-in")
async def log_in_form(request: Request, session: Session, own: WithParts) -> Response:
    if await find_user(session, request) is not None:
        return redirect("/")
    return page(request, "log_in.html", notice=_NOTICES.get(request.url.query, ""), elsewhere=own.oidc is not None)


@router.post("/log-in", dependencies=[Depends(limit("10/minute", name="log-in", by="address"))])
async def log_in(
    request: Request,
    form: Annotated[LogIn, Form()],
    session: Session,
    own: WithParts,
    garrison: Garrison,
    accounts: WithAccounts,
) -> Response:
    async def find(email: str) -> Stored | None:
        return await _stored(session, email)

    password = form.password.get_secret_value()
    step = accounts.second_step.begin
    outcome = await log_in_with_password(accounts.login, own.passwords, garrison, form.email, password, find, step)
    if isinstance(outcome, Refuse):
        return _refused(request, "log_in.html", outcome, error=outcome.hint)
    if isinstance(outcome, WrongPassword):
        later = f" Try again in {spell(outcome.wait)}." if outcome.wait else ""
        return page(request, "log_in.html", status=401, error=_WRONG + later)
    return redirect("/log-in/code" if isinstance(outcome, SecondFactorOwed) else "/")


def _refused(request: Request, name: str, refusal: Refuse, **values: Any) -> Response:
    """The form once more, with what the guard said."""
    answer = page(request, name, status=refusal.status, **values)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


async def _stored(session: AsyncSession, email: str) -> Stored | None:
    user = await session.scalar(select(User).where(User.email == email.lower()))
    if user is None:
        return None

    async def renew(password_hash: str) -> None:
        user.password_hash = password_hash
        await session.commit()

    principal = Principal(str(user.id), scopes=frozenset({user.role}))
    return Stored(principal, user.password_hash, active=not user.disabled, renew=renew)


@router.post("/log-out")
async def log_out(own: WithParts, garrison: Garrison) -> Response:
    own.hub.end_session(garrison.session)
    await garrison.log_out()
    return redirect("/log-in")
