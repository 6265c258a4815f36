"""What `garrison incident contain` was asked for: parsed and judged as a whole before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..core.errors import OperatorError
from ..core.verdict import Mode
from .output import Usage

if TYPE_CHECKING:
    from ..policy.model import Policy
    from .ban_book import Opened

_REVOKED: Final = ("principal", "session", "api-key")


class WithoutEffect(OperatorError):
    """The policy has switched off what was asked for."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Nothing was done: {why}.",
            remedy="Contain by other means, or change the policy and start the application anew.",
            reference="docs/detection/incidents.md",
        )


class Wanted:
    """What was asked for, parsed: all of it can be done, or nothing is. Raises `BadTarget`, `BanRefused`, `Usage`."""

    def __init__(
        self, opened: Opened, ban: Sequence[str], slow: Sequence[str], revoke: Sequence[str], force: bool
    ) -> None:
        from ..core.bans import parse_target

        prefix = opened.policy.client.ipv6_prefix
        self.ban = [parse_target(text, prefix) for text in ban]
        self.slow = [parse_target(text, prefix) for text in slow]
        self.revoke = [_revocable(text) for text in revoke]
        self.switch: list[tuple[str, str]] = []
        self.force = force
        if why := _without_effect(opened.policy, bool(ban), bool(slow)):
            raise WithoutEffect(why)
        for target in self.ban + self.slow:
            opened.bans.rules.check(target, force=force)
        for target in self.slow:
            if target.network is None:
                raise Usage(f"{target} can't be slowed down: only addresses and networks can.")


def _without_effect(policy: Policy, ban: bool, slow: bool) -> str:
    """Why what is asked for would do nothing: an operator who believes it did looks no further."""
    if ban and policy.bans.mode is not Mode.ENFORCE:
        return f'bans.mode is "{policy.bans.mode}", so nobody is turned away'
    if slow and policy.reactions.mode != "enforce":
        return f'reactions.mode is "{policy.reactions.mode}", so nobody is slowed down'
    if slow and not policy.detection.enabled:
        return "detection.enabled is false, so nobody is slowed down"
    return ""


def switches(policy: Policy, close: Sequence[str], read_only: bool) -> list[tuple[str, str]]:
    """Names of switches, and what throwing them is called."""
    from ..stores.switches import READ_ONLY, ROUTE

    known = [route.name for route in policy.routes]
    if unknown := [name for name in close if name not in known]:
        raise Usage(f"There is no route class {unknown[0]!r}; there are {', '.join(known) or 'none'}.")
    found = [(f"{ROUTE}{name}", f"closed the route class {name}") for name in close]
    return [*found, (READ_ONLY, "switched to read-only")] if read_only else found


def _revocable(text: str) -> tuple[str, str]:
    kind, _, name = text.partition(":")
    if kind not in _REVOKED or not name or (kind == "session" and "/" not in name):
        raise Usage(f"--revoke {text}: write principal:ID, api-key:ID or session:PRINCIPAL/HASH.")
    return kind, name
