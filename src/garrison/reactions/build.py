"""From the policy to a reactor that hears the detector."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ..core.ban_rules import AllowList, BanRules
from ..core.clock import SYSTEM, Clock
from ..core.ports import Records, Reveal, Services, silent
from ..detection.build import rules_for
from ..detection.rule import Reaction
from ..detection.runner import Detector
from ..events.bus import Bus, alarm_on_stderr
from ..events.terms import Severity
from ..policy.model import Policy
from ..policy.reference import is_reference
from ..secrets.keyring import Keyring
from ..stores.bans import Bans
from ..stores.build import build_stores
from .budget import Budget, ClientCount
from .channels import PURPOSE, channel_for
from .delivery import build_delivery
from .desk import Desk
from .log_more import Watching
from .open_alerts import Ladder
from .reactor import Hands, Reactor
from .slow import slow_layer
from .step_up import NO_PAGE, OTHER_SESSIONS, Proofs, step_up_layer

_KINDS: Final[dict[Reaction, str]] = {"slow": "slowed", "step-up": "stepped-up", "log-more": "watched"}
"""Under which name the records of each are kept."""
_WATCHED: Final = 200
"""So many are watched at once: it costs an event a request."""


def build_books(policy: Policy, records: Records, clock: Clock) -> dict[Reaction, Bans]:
    """Who is slowed down, watched, …: kept like bans but apart from them. Their changes are told by reactions' own
    events."""
    prefix = policy.client.ipv6_prefix
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, prefix))
    return {
        kind: Bans(
            records, clock, silent, rules, most=_WATCHED if kind == "log-more" else policy.bans.most,
            ipv6_prefix=prefix, shared=policy.store != "memory", kind=name,
        )
        for kind, name in _KINDS.items()
    }  # fmt: skip


def attach_reactions(
    policy: Policy, services: Services, detector: Detector | None, proofs: Proofs, *, own_sessions: bool = False
) -> Reactor | None:
    """Let reactions follow from alerts, if the policy wants both. `own_sessions`: Garrison's are not in use.

    Raises ValueError for a malformed path.
    """
    section, sessions = policy.reactions, services.sessions
    records, bans, counters = services.records, services.bans, services.counters
    if detector is None or section.mode == "off" or None in (records, bans, counters, sessions):
        return None
    assert records is not None and bans is not None and counters is not None and sessions is not None  # noqa: S101, PT018
    clock, books = services.clock, build_books(policy, records, services.clock)
    clients = ClientCount(clock.monotonic)
    budget = Budget(section.share, section.least, clients, clock.monotonic)
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, policy.client.ipv6_prefix))
    unable: dict[Reaction, str] = (
        {"step-up": why} if (why := _no_step_up(section.step_up_page, own_sessions=own_sessions)) else {}
    )
    hands = Hands(records, {"ban": bans, **books}, sessions.revoke_all, rules, services.emit, clock.wall, unable)
    reactor = Reactor(section, hands, budget, policy.client.ipv6_prefix)
    detector.listeners.append(reactor.hear)
    services.opening.append(reactor.open)
    if section.mode == "enforce":  # in a dry run nobody is slowed down, and nobody's request pays for the question
        wanted = {kind for rule in rules_for(policy) for kind in rule.react}
        services.layers.append(slow_layer(section, books["slow"], counters, services, clients.see))
        if "log-more" in wanted:
            services.layers.append(Watching(section, books["log-more"], services).layer)
        if "step-up" in wanted and not unable:
            services.layers.append(step_up_layer(section, books["step-up"], services, proofs, policy.prefix))
    return reactor


def _no_step_up(page: str, *, own_sessions: bool) -> str:
    return OTHER_SESSIONS if own_sessions else "" if page else NO_PAGE


def build_desk(policy: Policy, bus: Bus, clock: Clock, reveal: Reveal) -> Desk | None:
    """What escalates alerts and keeps them over quiet hours, if the policy wants either. Raises as `build_stores`."""
    alerts = policy.alerts
    if not alerts.escalate and not any(one.quiet for one in alerts.receivers):
        return None
    steps = tuple(sorted({one.step for one in alerts.receivers}))
    ladder = Ladder(steps, alerts.escalate) if alerts.escalate else None
    stores = build_stores(policy, reveal, clock, lambda away, why: None)  # the desk tells by itself
    return Desk(ladder, Severity(alerts.escalate_least), stores, bus.emit, clock.wall, alarm_on_stderr)


def attach_alerts(
    policy: Policy, keyring: Keyring, bus: Bus, reveal: Reveal, desk: Desk | None = None, clock: Clock = SYSTEM
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Tell the receivers of `policy` what is alerted, `desk` first. Raises as `channel_for`.

    What comes back goes over to the addresses that `reveal` tells then.
    """
    key = keyring.derive(PURPOSE, 32)
    outlets = build_delivery(policy.alerts, rules_for(policy), key, bus.emit, alarm_on_stderr, reveal, desk, clock.wall)
    if desk is not None:
        bus.attach(desk)
    for outlet in outlets:
        bus.attach(outlet)

    async def renew() -> None:
        for receiver, outlet in zip(policy.alerts.receivers, outlets, strict=True):
            if is_reference(receiver.to):  # in a thread: authorities are read from the disk
                outlet.alerts.use(await asyncio.to_thread(channel_for, receiver, key, reveal))

    return renew
