"""Where somebody is logged in, and the way to end it: one session, or all of them.

Threat: a session forgotten on a borrowed computer, or a stolen cookie. So the page tells browser, network and times of
each, and one click ends it on the server and closes its live updates. Making things safer asks for no fresh log-in.
Lets pass: devices that the log-in guard trusts stay trusted; they authenticate nobody.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from garrison.accounts import SessionInfo
from garrison.core.bans import session_handle
from garrison.fastapi import Garrison, WithAccounts

from ..pages import page, redirect
from ..parts import CurrentUser, WithParts

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/account/sessions")
async def show(request: Request, user: CurrentUser, garrison: Garrison, accounts: WithAccounts) -> Response:
    found = await accounts.sessions.list(str(user.id), garrison)
    return page(request, "sessions.html", user=user, sessions=[_shown(one) for one in found])


@router.post("/account/sessions/{handle}/end")
async def end(handle: str, user: CurrentUser, own: WithParts, garrison: Garrison, accounts: WithAccounts) -> Response:
    """Sign out one of this person's sessions. A handle of somebody else's ends nothing, and nothing tells."""
    if handle == session_handle(garrison.session or ""):
        await garrison.log_out()
        own.hub.end_handle(user.id, handle)
        return redirect("/log-in")
    if await accounts.sessions.revoke(str(user.id), handle, garrison.facts):
        own.hub.end_handle(user.id, handle)
    return redirect("/account/sessions")


@router.post("/account/sessions/end")
async def end_all(user: CurrentUser, own: WithParts, garrison: Garrison, accounts: WithAccounts) -> Response:
    """Sign out everywhere: here last, so that a store that fails on the way leaves somebody to ask again."""
    await accounts.sessions.revoke_all(str(user.id), keep=garrison)
    await garrison.log_out()
    own.hub.end_user(user.id)
    return redirect("/log-in?out")


def _shown(session: SessionInfo) -> dict[str, Any]:
    return {
        "handle": session.handle,
        "agent": session.agent or "Unknown browser",
        "network": session.network or "unknown",
        "begun": datetime.fromtimestamp(session.begun, UTC),
        "used": datetime.fromtimestamp(session.used, UTC),
        "is_current": session.is_current,
    }
