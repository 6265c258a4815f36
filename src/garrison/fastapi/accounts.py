"""Accounts in endpoints: `accounts: WithAccounts` gives passwords, the log-in guard, recovery and sessions.

Threat: an endpoint that asks for a password and not for the guard. `accounts.log_in(…)` is both in one call. What the
guard refuses is a value, so that a page can show it; `refuse` hands it to the client as Garrison's own answer.
"""

from __future__ import annotations

from typing import Annotated, NoReturn

from fastapi import Depends, HTTPException
from starlette.requests import HTTPConnection

from ..accounts.bundle import Accounts, accounts_of
from ..core.exchange import Exchange
from ..core.verdict import Refuse
from .current import exchange


def accounts(connection: HTTPConnection) -> Accounts:
    """The accounts of the application. Raises RuntimeError when it is not behind `harden`."""
    return accounts_of(exchange(connection))


def refuse(current: Exchange, refusal: Refuse) -> NoReturn:
    """Answer with `refusal`, and stop."""
    current.refuse(refusal)
    raise HTTPException(refusal.status)


WithAccounts = Annotated[Accounts, Depends(accounts)]
