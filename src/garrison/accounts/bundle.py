"""Everything of this room for one application, built once by `wire.py` from the policy."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.exchange import Exchange
from ..core.ports import Services
from ..policy.model import Policy
from .account_requests import AccountRequests, RecoveryTokens
from .api_keys import ApiKeys
from .login import LoginGuard
from .password_login import Find, Outcome, log_in_with_password
from .password_rules import PasswordRules
from .passwords import Passwords
from .range_service import RangeClient
from .second_factor import SecondFactor
from .second_factor_login import SecondStep
from .sessions import Sessions
from .step_up import Freshness


@dataclass(frozen=True, slots=True)
class Accounts:
    """`accounts_of(exchange)` finds it in a request.

    passwords  hash and verify
    rules      what a new password must be
    login      the log-in guard
    requests   sign-up and recovery that tell nothing
    recovery   tokens for recovery mails
    sessions   list and revoke
    second_factor   one-time codes and recovery codes
    second_step     the half of a log-in that comes after the password
    freshness  how long ago the session saw its owner
    api_keys   make, list and revoke
    """

    passwords: Passwords
    rules: PasswordRules
    login: LoginGuard
    requests: AccountRequests
    recovery: RecoveryTokens
    sessions: Sessions
    second_factor: SecondFactor
    second_step: SecondStep
    freshness: Freshness
    api_keys: ApiKeys

    @classmethod
    def build(cls, services: Services, policy: Policy) -> Accounts:
        """From the policy. Raises `OperatorError` for a profile or a filter file that can't be used."""
        section = policy.passwords
        service = RangeClient(section.range_service) if section.range_service else None
        login = LoginGuard(services, policy.login)
        factor = SecondFactor(services, policy.second_factor)
        return cls(
            passwords=Passwords(section, development=policy.development, clock=services.clock),
            rules=PasswordRules(section, names=policy.hosts, service=service),
            login=login,
            requests=AccountRequests(services, policy.login, login),
            recovery=RecoveryTokens(services, policy.login),
            sessions=Sessions(services, policy.session),
            second_factor=factor,
            second_step=SecondStep(services, factor, login),
            freshness=Freshness(services),
            api_keys=ApiKeys(services, policy.api_keys),
        )

    async def log_in(self, exchange: Exchange, login: str, password: str, find: Find) -> Outcome:
        """See `log_in_with_password`; who has a second factor on owes it then (`second_step.finish`)."""
        step = self.second_step.begin
        return await log_in_with_password(self.login, self.passwords, exchange, login, password, find, step)

    async def close(self) -> None:
        """Finish what is under way, and end the threads."""
        await self.requests.finish()
        self.passwords.close()


def accounts_of(exchange: Exchange) -> Accounts:
    """The accounts of the application behind `exchange`. Raises RuntimeError when it was not wired by `harden`."""
    found = exchange.services.accounts
    if isinstance(found, Accounts):
        return found
    raise RuntimeError("no accounts are wired: pass the application through harden() first")
