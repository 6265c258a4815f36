"""The second factor: its page, and the half of a log-in that asks for a code.

Threat: whoever has the password, or an unlocked browser, takes the account over for good. So the page asks for a log-in
that is minutes old before anything changes, codes work once, and recovery codes are shown once.
"""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse

from garrison.accounts import Checked, NothingOwed
from garrison.core.verdict import Refuse
from garrison.fastapi import Garrison, WithAccounts, fresh_login, limit, public

from ..pages import page, redirect
from ..parts import CurrentUser
from ..schemas import Code

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_FRESH = [Depends(fresh_login("10 min"))]
_WRONG = "That code is wrong or was used already."
_LATER = "Too many wrong codes. Wait {minutes:.0f} minutes, or use a recovery code."
_LOCKED = "Too many wrong codes. Only a recovery code lets you in now."


@router.get("/log-in/code", dependencies=[public])
async def code_form(request: Request, garrison: Garrison, accounts: WithAccounts) -> Response:
    if not await accounts.second_step.is_owed(garrison):
        return redirect("/log-in")
    return page(request, "log_in_code.html")


@router.post("/log-in/code", dependencies=[public, Depends(limit("10/minute", name="log-in-code", by="address"))])
async def finish(
    request: Request, form: Annotated[Code, Form()], garrison: Garrison, accounts: WithAccounts
) -> Response:
    outcome = await accounts.second_step.finish(garrison, form.code.get_secret_value())
    if isinstance(outcome, NothingOwed):
        return redirect("/log-in")
    if isinstance(outcome, Refuse):
        return page(request, "log_in_code.html", status=outcome.status, error=outcome.hint)
    if isinstance(outcome, Checked):
        return page(request, "log_in_code.html", status=401, error=_told(outcome))
    return redirect("/")


def _told(checked: Checked) -> str:
    if checked.locked:
        return _LOCKED
    return _LATER.format(minutes=max(1, checked.wait / 60)) if checked.wait else _WRONG


@router.get("/account/second-factor")
async def show(request: Request, user: CurrentUser, accounts: WithAccounts) -> Response:
    is_on = await accounts.second_factor.is_on(str(user.id))
    left = await accounts.second_factor.codes_left(str(user.id)) if is_on else 0
    return page(request, "second_factor.html", user=user, is_on=is_on, left=left)


@router.post("/account/second-factor/set-up", dependencies=_FRESH)
async def set_up(request: Request, user: CurrentUser, accounts: WithAccounts) -> Response:
    """A new secret with every visit; what is in force stays so until the new one is confirmed."""
    setup = await accounts.second_factor.set_up(str(user.id), user.email)
    picture = segno.make(setup.uri, error="m").svg_data_uri(scale=5, border=2)
    return page(request, "second_factor_set_up.html", user=user, picture=picture, secret=setup.secret)


@router.post("/account/second-factor/confirm", dependencies=_FRESH)
async def confirm(
    request: Request, form: Annotated[Code, Form()], user: CurrentUser, garrison: Garrison, accounts: WithAccounts
) -> Response:
    codes = await accounts.second_factor.confirm(garrison, str(user.id), form.code.get_secret_value())
    if codes is None:
        return page(request, "second_factor.html", status=422, user=user, is_on=False, error="That code is wrong.")
    return page(request, "recovery_codes.html", user=user, codes=codes)


@router.post("/account/second-factor/codes", dependencies=_FRESH)
async def renew_codes(request: Request, user: CurrentUser, garrison: Garrison, accounts: WithAccounts) -> Response:
    codes = await accounts.second_factor.renew_codes(garrison, str(user.id))
    return page(request, "recovery_codes.html", user=user, codes=codes)


@router.post("/account/second-factor/off", dependencies=_FRESH)
async def turn_off(user: CurrentUser, garrison: Garrison, accounts: WithAccounts) -> Response:
    await accounts.second_factor.turn_off(garrison, str(user.id))
    return redirect("/account/second-factor")
