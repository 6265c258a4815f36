"""API keys: a person's programs, and what each of them may.

Threat: a key that makes keys, or one with more rights than its owner meant. So keys are made in a session that is
fresh, never with a key; a key's scopes are chosen from two; it is shown once, expires, and is revoked with a click.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse

from garrison.accounts import KeyInfo, TooManyKeys
from garrison.fastapi import Garrison, WithAccounts, fresh_login

from ..models import User
from ..pages import page, redirect
from ..parts import CurrentUser
from ..schemas import KeyIn

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_DAY: Final = 86400.0


@router.get("/account/keys")
async def show(request: Request, user: CurrentUser, accounts: WithAccounts) -> Response:
    return await _page(request, user, accounts)


@router.post("/account/keys", dependencies=[Depends(fresh_login("10 min"))])
async def create(
    request: Request, form: Annotated[KeyIn, Form()], user: CurrentUser, garrison: Garrison, accounts: WithAccounts
) -> Response:
    scopes = frozenset({"notes:read", "notes:write"} if form.write else {"notes:read"})
    try:
        new = await accounts.api_keys.create(
            garrison, str(user.id), form.name, scopes=scopes, lifetime=form.days * _DAY
        )
    except TooManyKeys as error:
        return await _page(request, user, accounts, status=409, error=str(error))
    return await _page(request, user, accounts, status=201, made=new.text)


@router.post("/account/keys/{id}/revoke")
async def revoke(id: str, user: CurrentUser, garrison: Garrison, accounts: WithAccounts) -> Response:
    """Making things safer asks for no fresh log-in."""
    await accounts.api_keys.revoke(garrison, str(user.id), id)
    return redirect("/account/keys")


async def _page(request: Request, user: User, accounts: WithAccounts, *, status: int = 200, **values: Any) -> Response:
    keys = [_shown(key) for key in await accounts.api_keys.list(str(user.id))]
    return page(request, "keys.html", status=status, user=user, keys=keys, **values)


def _shown(key: KeyInfo) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "used": datetime.fromtimestamp(key.used, UTC) if key.used else None,
        "expires": datetime.fromtimestamp(key.expires, UTC),
        "revoked": bool(key.revoked),
    }
