"""Log-in with an identity provider, where one is configured (`NOTES_OIDC_ISSUER`).

Threat: somebody else's account by a mail address that two providers give to two people. So accounts are kept by issuer
and subject; an address only serves to make a new account, and only where the provider has verified it and it is free.
Who has an account already logs in to it first and comes here then: both ways lead to it from that moment on. The rest
(state, nonce, PKCE, whose browser it is) is Garrison's.
"""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse

from garrison.accounts import OidcLogin, OidcRefused
from garrison.accounts.oidc import Identity
from garrison.core.exchange import Principal
from garrison.fastapi import Garrison, WithAccounts, limit, public

from ..models import OutsideLogin, User
from ..pages import redirect
from ..parts import Parts, Session, WithParts, find_user

_NAME: Final = 80
_SUBJECT: Final = 255
_FAILED: Final = "/log-in?elsewhere"
_often = Depends(limit("20/minute", name="openid", by="address"))
router = APIRouter(include_in_schema=False, dependencies=[public, _often])


def _provider(own: Parts) -> OidcLogin:
    if own.oidc is None:
        raise HTTPException(404, "Nothing is here.")
    return own.oidc


@router.get("/log-in/elsewhere")
async def away(garrison: Garrison, own: WithParts) -> Response:
    return RedirectResponse(await _provider(own).begin(garrison, own.settings.oidc_back), 303)


@router.get("/log-in/back")
async def back(
    request: Request, session: Session, garrison: Garrison, accounts: WithAccounts, own: WithParts
) -> Response:
    try:
        who = await _provider(own).finish(garrison, request.query_params)
    except OidcRefused:
        return redirect(_FAILED)
    user = await _account(session, own, who, await find_user(session, request))
    if user is None or user.disabled:
        return redirect(_FAILED)
    principal = Principal(str(user.id), scopes=frozenset({user.role}))
    if await accounts.second_step.begin(garrison, principal, user.email):
        return redirect("/log-in/code")
    await garrison.log_in(principal)
    return redirect(who.then)


async def _account(session: AsyncSession, own: Parts, who: Identity, current: User | None) -> User | None:
    """The account of `who`: the one it belongs to, else that of who is logged in, else a new one."""
    if len(who.subject) > _SUBJECT:
        return None
    known = await session.get(OutsideLogin, (who.issuer, who.subject))
    if known is not None:
        return await session.get(User, known.user_id)
    user = current or await _new(session, own, who)
    if user is None:
        return None
    session.add(OutsideLogin(issuer=who.issuer, subject=who.subject, user_id=user.id))
    try:
        await session.commit()
    except IntegrityError:  # the same person in two tabs, or an address taken meanwhile: the next try finds it
        await session.rollback()
        return None
    return user


async def _new(session: AsyncSession, own: Parts, who: Identity) -> User | None:
    """An account that nobody can log in to by password. None where there is no address to make it with."""
    email = who.claims.get("email")
    if who.claims.get("email_verified") is not True or not isinstance(email, str) or not 3 <= len(email) <= 254:
        return None
    if await session.scalar(select(User).where(User.email == email.lower())) is not None:
        return None
    name = str(who.claims.get("name") or email.partition("@")[0])
    name = "".join(char for char in name if char.isprintable())[:_NAME] or "New member"
    user = User(email=email.lower(), name=name, password_hash=await own.passwords.hash(secrets.token_urlsafe(32)))
    session.add(user)
    await session.flush()
    return user
