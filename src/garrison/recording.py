"""Where events go: the audit log, exports and metrics of a policy, joined to the bus; and the policy's own event."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from .core.clock import Clock
from .core.ports import Emit, Services
from .core.verdict import Mode
from .events.audit.build import PURPOSE, build_audit
from .events.audit.log import AuditLog
from .events.bus import Bus, alarm_on_stderr
from .events.exports.build import WEBHOOK, build_exports
from .events.exports.metrics import Counts, render
from .events.vocabulary import EventName
from .policy.model import Policy
from .policy.presets import preset, raw_table
from .secrets.keyring import Keyring
from .secrets.own import OwnSecrets
from .secrets.resolver import Resolver
from .secrets.transit import Ed25519, open_key


def announce(policy: Policy, emit: Emit) -> None:
    """Record which policy is put to work, and what it has switched off: a changed policy has another digest."""
    named = {"preset": policy.preset, "environment": policy.environment}
    emit(EventName.POLICY_LOADED, None, **named, digest=digest_of(policy))
    off = switched_off(policy)
    if off:
        emit(EventName.MONITOR_DISABLED, None, sections=", ".join(off))


def digest_of(policy: Policy) -> str:
    """A short name for all that a policy says."""
    plain = policy.model_copy(update={"store": policy.store.rpartition("@")[2]})  # a password may stand before it
    return hashlib.sha256(repr(plain).encode()).hexdigest()[:16]


def switched_off(policy: Policy) -> list[str]:
    """Sections that somebody has switched off, routes' own included: what the preset has off was never on."""
    presets = preset(policy.preset).values
    off = [name for name in Policy.SECTIONS
           if getattr(policy, name).mode is Mode.OFF and raw_table(presets, name).get("mode") != Mode.OFF]  # fmt: skip
    off += [f"{route.name}.{name}" for route in policy.routes for name, own in route.sections.items()
            if own.get("mode") == Mode.OFF]  # fmt: skip
    return off + [name for name in ("audit", "detection")
                  if not getattr(policy, name).enabled and raw_table(presets, name).get("enabled", True)]  # fmt: skip


def attach_audit(
    policy: Policy, keyring: Keyring | None, clock: Clock, bus: Bus, resolver: Resolver | None = None
) -> AuditLog | None:
    """Let `bus` write the audit log of `policy`, if it wants one. Without a key, nothing is signed.

    Raises `EventsUnwritable`, the store's own `OperatorError`, and as `Secrets.transit` where that signs.
    """
    if not policy.audit.enabled:
        return None
    seeds = keyring.derive_all(PURPOSE, 32) if keyring else ()
    remote = audit_signer(policy, resolver, bus.emit) if resolver else None
    log = build_audit(policy, clock, seeds, bus.emit, remote=remote.ask if remote else None)
    bus.attach(log, opened=True)
    return log


def audit_signer(policy: Policy, resolver: Resolver, emit: Emit) -> Ed25519 | None:
    """What signs the audit log in the place of the root key, if the policy wants that. Raises as `Secrets.transit`."""
    return Ed25519(open_key(resolver.vault, policy.audit.transit, emit)) if policy.audit.transit else None


def attach_exports(
    policy: Policy, keyring: Keyring, bus: Bus, services: Services, own: OwnSecrets
) -> Callable[[], bytes]:
    """Send events to the receivers of `policy`, and count them; the metrics, to be asked later. Raises as
    `build_exports`."""
    counts = Counts()
    bus.attach(counts)
    key = keyring.derive(WEBHOOK, 32)
    outlets = build_exports(policy, key, bus.emit, alarm_on_stderr, own.view("events"))
    for outlet in outlets:
        bus.attach(outlet)

    async def renew() -> None:
        for outlet in outlets:  # in a thread: authorities are read from the disk
            await asyncio.to_thread(outlet.renew)

    own.on_change("events", renew)

    def metrics() -> bytes:
        gauges = [(name, what, ask()) for name, (what, ask) in services.gauges.items()]
        return render(counts.items(), bus.stats(), gauges, recorded=services.recorded(), degraded=services.degraded())

    return metrics
