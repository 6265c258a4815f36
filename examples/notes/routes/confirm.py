"""Confirm that it is you: a password or a code, before something sensitive. The session gets a new id with it.

Threat: guessing the password of an open session. So it is a log-in attempt like any other to the log-in guard. Lets
pass: who wants to be led to another site afterwards: `then` is one of our own pages or nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse

from garrison.core.verdict import Refuse
from garrison.fastapi import Garrison, WithAccounts, limit

from ..models import User
from ..pages import page, redirect
from ..parts import CurrentUser, Parts, WithParts
from ..schemas import Confirm

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

BACK: Final = ("/account/second-factor", "/account/keys", "/export", "/export.csv")
"""Where somebody may be led back to."""


@router.get("/account/confirm")
async def ask(request: Request, user: CurrentUser, then: str = "") -> Response:
    return page(request, "confirm.html", user=user, then=_back(then))


@router.post("/account/confirm", dependencies=[Depends(limit("10/minute", name="confirm"))])
async def confirm(
    request: Request,
    form: Annotated[Confirm, Form()],
    user: CurrentUser,
    own: WithParts,
    garrison: Garrison,
    accounts: WithAccounts,
) -> Response:
    error = await _judge(form.password.get_secret_value(), user, own, garrison, accounts)
    if error:
        return page(request, "confirm.html", status=401, user=user, then=_back(form.then), error=error)
    await accounts.freshness.confirm(garrison)
    return redirect(_back(form.then))


async def _judge(password: str, user: User, own: Parts, garrison: Garrison, accounts: WithAccounts) -> str:
    """What was wrong; empty when the password is right."""
    attempt = await accounts.login.begin(garrison, user.email)
    if isinstance(attempt, Refuse):
        return attempt.hint
    async with attempt:
        if await own.passwords.verify(user.password_hash, password):
            await attempt.release()
            return ""
        await attempt.fail()
        return "The password is wrong."


def _back(then: str) -> str:
    """One of our own pages: the notes for whoever was stopped elsewhere on their way."""
    return then if then in BACK else "/" if then.startswith("/") else BACK[0]
