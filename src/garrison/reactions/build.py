"""From the policy to a reactor that hears the detector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..core.ban_rules import AllowList, BanRules
from ..core.clock import Clock
from ..core.ports import Records, Reveal, Services, silent
from ..detection.build import rules_for
from ..detection.runner import Detector
from ..events.bus import Bus, alarm_on_stderr
from ..policy.model import Policy
from ..policy.reference import is_reference
from ..secrets.keyring import Keyring
from ..stores.bans import Bans
from .budget import Budget, ClientCount
from .delivery import PURPOSE, build_delivery, channel_for
from .reactor import Hands, Reactor
from .slow import slow_layer

SLOWED = "slowed"


def build_slowed(policy: Policy, records: Records, clock: Clock) -> Bans:
    """Who is slowed down, kept like bans but apart from them. What changes is told by reactions' own events."""
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, policy.client.ipv6_prefix))
    return Bans(
        records, clock, silent, rules, most=policy.bans.most, ipv6_prefix=policy.client.ipv6_prefix,
        shared=policy.store != "memory", kind=SLOWED,
    )  # fmt: skip


def attach_reactions(policy: Policy, services: Services, detector: Detector | None) -> Reactor | None:
    """Let reactions follow from alerts, if the policy wants both."""
    section, sessions = policy.reactions, services.sessions
    records, bans, counters = services.records, services.bans, services.counters
    if detector is None or section.mode == "off" or None in (records, bans, counters, sessions):
        return None
    assert records is not None and bans is not None and counters is not None and sessions is not None  # noqa: S101, PT018
    clock, slowed = services.clock, build_slowed(policy, records, services.clock)
    clients = ClientCount(clock.monotonic)
    budget = Budget(section.share, section.least, clients, clock.monotonic)
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, policy.client.ipv6_prefix))
    hands = Hands(records, bans, slowed, sessions.revoke_all, rules, services.emit, clock.wall)
    reactor = Reactor(section, hands, budget, policy.client.ipv6_prefix)
    detector.listeners.append(reactor.hear)
    services.opening.append(reactor.open)
    if section.mode == "enforce":  # in a dry run nobody is slowed down, and nobody's request pays for the question
        services.layers.append(slow_layer(section, slowed, counters, services, clients.see))
    return reactor


def attach_alerts(policy: Policy, keyring: Keyring, bus: Bus, reveal: Reveal) -> Callable[[], Awaitable[None]]:
    """Tell the receivers of `policy` what is alerted. Raises as `channel_for`.

    What comes back goes over to the addresses that `reveal` tells then.
    """
    key = keyring.derive(PURPOSE, 32)
    outlets = build_delivery(policy.alerts, rules_for(policy), key, bus.emit, alarm_on_stderr, reveal)
    for outlet in outlets:
        bus.attach(outlet)

    async def renew() -> None:
        for receiver, outlet in zip(policy.alerts.receivers, outlets, strict=True):
            if is_reference(receiver.to):  # in a thread: authorities are read from the disk
                outlet.alerts.use(await asyncio.to_thread(channel_for, receiver, key, reveal))

    return renew
