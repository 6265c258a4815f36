"""The pure part: what an alert asks for, and why not.

Threat: reactions as a weapon. Whoever can make a victim's browser send something must not be able to have the victim
banned, so nothing follows from what a client did not send by itself (`Alert.held`); whatever is about everybody has no
reaction at all, since an automatic lock-down is a remote off switch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ..core.bans import MAX_NAME, Target, TargetKind, parse_target
from ..core.errors import OperatorError
from ..detection.alert import Alert
from ..detection.rule import Reaction
from ..events.patterns import MARK
from ..policy.section_reactions import ReactionsSection

NOT_HELD: Final = "not sent by the client itself"
DRILL: Final = "a drill: nothing is done"
NO_TARGET: Final = "nobody it could be against"


@dataclass(frozen=True, slots=True)
class Want:
    """One reaction: `kind` against `target` for `seconds` (0: it can't be taken back and needs no end)."""

    kind: Reaction
    target: Target
    seconds: float
    alert: Alert

    @property
    def id(self) -> str:
        """The same for the same alert, whichever node comes to it."""
        return f"r{_digest(self.alert.id, self.kind)}"

    @property
    def pardon(self) -> str:
        """What an operator's undo is remembered under: this rule does not do this to them again for a while."""
        return pardon_of(self.alert.rule.id, self.kind, str(self.target))


def pardon_of(rule: str, kind: str, target: str) -> str:
    """See `Want.pardon`."""
    return f"p{_digest(rule, kind, target)}"


def wanted(alert: Alert, section: ReactionsSection, ipv6_prefix: int) -> tuple[list[Want], str]:
    """What should follow, or why nothing does although the rule asks for it."""
    if section.mode == "off" or not alert.rule.react:
        return [], ""
    if alert.drill:
        return [], DRILL
    if not alert.held:
        return [], NOT_HELD
    target = _target(alert, ipv6_prefix)
    if target is None:
        return [], NO_TARGET
    seconds: dict[Reaction, float] = {
        "ban": section.ban, "slow": section.slow, "revoke": 0.0, "step-up": section.step_up,
        "log-more": section.log_more,
    }  # fmt: skip
    return [Want(kind, target, seconds[kind], alert) for kind in alert.rule.react], ""


def _target(alert: Alert, ipv6_prefix: int) -> Target | None:
    """Of a session the user: its id may change, and whoever stole one may have made another."""
    if alert.rule.by in ("principal", "session"):
        who = alert.who if alert.rule.by == "principal" else alert.last.principal
        return Target(TargetKind.PRINCIPAL, who) if _names_somebody(who) else None
    try:
        target = parse_target(alert.who, ipv6_prefix)
    except OperatorError:  # a Unix socket, or an address that was redacted
        return None
    return target if target.network is not None else None


def _names_somebody(who: str) -> bool:
    return 0 < len(who) <= MAX_NAME and who.isprintable() and who != MARK


def _digest(*words: str) -> str:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
