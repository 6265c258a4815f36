"""What the process above the workers tells people by itself: workers that die, certificates that change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..policy.held import environment

if TYPE_CHECKING:
    from ..events.bus import Bus
    from ..policy.model import Policy
    from ..secrets.own import OwnSecrets
    from ..secrets.resolver import Resolver


def watch(policy: Policy, bus: Bus) -> Callable[[], None]:
    """Let detection watch `bus`, and tell the receivers of alerts. What comes back is called at a reload: it reads the
    receivers' addresses, and the store's password, again. No log-in with a source is kept meanwhile."""
    from ..core.clock import SYSTEM
    from ..detection.build import attach_to_supervisor
    from ..policy.checks import refuse_unsafe
    from ..reactions.build import attach_alerts, build_desk
    from ..secrets.keyring import Keyring

    attach_to_supervisor(policy, bus)
    if not policy.alerts.receivers:
        return lambda: None
    with _reading(policy) as (resolver, own):
        now = own
        desk = build_desk(policy, bus, SYSTEM, lambda reference: now.view("stores")(reference))
        keyring = Keyring.from_policy(policy, environment(), Path(policy.state), SYSTEM, resolver)
        renew = attach_alerts(policy, keyring, bus, lambda reference: now.view("reactions")(reference), desk)
    if desk is not None:
        desk.start()

    def reload() -> None:
        nonlocal now
        try:
            with _reading(policy) as (resolver, own):
                refuse_unsafe(policy, environment(), reveal=lambda reference: resolver.read(reference).reveal())
                now = own
                asyncio.run(renew())
                if desk is not None:
                    asyncio.run(desk.renew())
        except Exception as error:  # noqa: BLE001 - who is told must not end who serves: the old addresses stay
            bus.emit("secret_rotation_failed", None, name="alerts.receivers", error=type(error).__name__)

    return reload


@contextmanager
def _reading(policy: Policy) -> Iterator[tuple[Resolver, OwnSecrets]]:
    from ..secrets.own import OwnSecrets
    from ..secrets.resolver import Resolver

    resolver = Resolver.from_policy(policy, environment())
    try:
        yield resolver, OwnSecrets(policy, resolver)
    finally:
        resolver.close()
