"""Dependencies: the request's nonce, CSRF token and principal. They serve WebSocket endpoints as well.

Threat: an endpoint that believes it is protected while the application runs without `harden`. Each of these raises
then. Lets pass: an endpoint that asks for nothing here.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException
from starlette.requests import HTTPConnection

from ..accounts.authorisation import AUTHENTICATED, enforces
from ..core.exchange import Exchange, Principal
from ..core.names import STATE_KEY


def exchange(connection: HTTPConnection) -> Exchange:
    """The request's (or WebSocket's) exchange. Raises RuntimeError when the application is not behind `harden`."""
    found = connection.scope.get("state", {}).get(STATE_KEY)
    if isinstance(found, Exchange):
        return found
    raise RuntimeError("This application is not behind Garrison: serve `harden(app)` instead of `app`.")


def nonce(connection: HTTPConnection) -> str:
    """The CSP nonce for this answer's `<script>` and `<style>` elements."""
    return exchange(connection).nonce


def csrf_token(connection: HTTPConnection) -> str:
    """The CSRF token for a form on this page; starts a pre-session where there is no session."""
    return exchange(connection).csrf_token


def current_principal(connection: HTTPConnection) -> Principal | None:
    """Who is asking, verified; None for anonymous."""
    return exchange(connection).principal


@enforces(AUTHENTICATED)
def require_principal(connection: HTTPConnection) -> Principal:
    """Who is asking; answers 401 to anonymous requests."""
    principal = exchange(connection).principal
    if principal is None:
        raise HTTPException(401, "Log in first.")
    return principal


Garrison = Annotated[Exchange, Depends(exchange)]
Nonce = Annotated[str, Depends(nonce)]
CsrfToken = Annotated[str, Depends(csrf_token)]
CurrentPrincipal = Annotated[Principal, Depends(require_principal)]
