"""Build what `harden` builds and throw it away: what `garrison check` says of the start."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .asgi.selftest import selftest
from .asgi.types import App
from .core.clock import SYSTEM
from .core.errors import GarrisonError
from .core.ports import Services, silent
from .events.audit.build import place_of
from .events.build import build_bus
from .events.bus import Bus
from .events.exports.build import build_exports
from .events.links import parse_link
from .inputs.uploads import try_uploads
from .policy.model import BansSection, BearerSection, EventsSection, PasswordsSection, Policy
from .policy.own_references import OwnReference, own_references
from .policy.section_alerts import AlertsSection
from .policy.section_audit import AuditSection
from .policy.section_detection import DetectionSection
from .policy.section_secrets import SecretsSection
from .secrets.errors import SecretError, SecretsUnresolved, SourceAway, without_kept
from .secrets.resolver import Resolver
from .wire import build_door, build_services, own_routes, route_check

_SUBSTITUTES: tuple[Mapping[str, object], ...] = (
    {
        "key": "env:KEY",
        "store": "memory",
        "secrets": SecretsSection(),
        "detection": DetectionSection(),
        "alerts": AlertsSection(),
        "proxies": (),
        "bans": BansSection(),
    },
    {"passwords": PasswordsSection()},
    {"bearer": BearerSection()},
)
"""What is put in the place of sections that can't be built, one step after the other: what is wrong with one must not
hide what else is wrong."""


def rehearse(policy: Policy, environ: Mapping[str, str], app: App | None = None) -> list[GarrisonError]:
    """Build what `harden` builds and throw it away; every error that would stop the start, once each.

    app   the application, if it is known: whether its routes are as the policy wants them

    Leaves nothing behind: events go nowhere, and generated development keys into a folder that is removed.
    """
    own = own_references(policy)
    events, ship = policy.events, policy.audit.ship if policy.audit.enabled else ()
    with TemporaryDirectory(prefix="garrison-") as folder:
        quiet = {
            "events": EventsSection(output="none", store=False),
            "audit": AuditSection(enabled=False),
            "detection": policy.detection.model_copy(update={"shared": False}),
            "state": str(Path(folder, "state")),
        }
        policy = policy.model_copy(update={**quiet, "hosts": policy.hosts or ("rehearsal.invalid",)})
        found: dict[str, GarrisonError] = {}
        bus = build_bus(policy, SYSTEM)
        resolver = Resolver.from_policy(policy, environ)
        found |= _unresolved(own, resolver)
        found |= {str(error): error for error in _receivers(events, ship, resolver)}
        services = _services(policy, environ, bus, resolver, found)
        routes = [None, *own_routes(policy), *policy.routes]
        services.route_names = tuple(route.name if route else "default" for route in routes)
        for route in routes:
            try:
                selftest([build_door(policy.effective(route), services, ())], services)
            except GarrisonError as error:
                found.setdefault(str(error), error)
        found |= _of_routes(policy, app)
        bus.close()
        resolver.close()
        return [*found.values(), *try_uploads(policy.uploads)]


def _services(
    policy: Policy, environ: Mapping[str, str], bus: Bus, resolver: Resolver, found: dict[str, GarrisonError]
) -> Services:
    """Services, with substitutes for what can't be built; why it can't goes into `found`."""
    try:
        return build_services(policy, environ, SYSTEM, bus, resolver=resolver)
    except GarrisonError as error:
        found |= {str(one): one for one in without_kept(error)}
    without: dict[str, object] = {}
    environ = {"KEY": random.token_urlsafe(32)}
    for more in _SUBSTITUTES[:-1]:
        without |= more
        try:
            return build_services(policy.model_copy(update=without), environ, SYSTEM, bus)
        except GarrisonError as error:
            found[str(error)] = error
    return build_services(policy.model_copy(update={**without, **_SUBSTITUTES[-1]}), environ, SYSTEM, bus)


def _of_routes(policy: Policy, app: App | None) -> dict[str, GarrisonError]:
    try:
        if app is not None:
            route_check(policy, app)()
    except GarrisonError as error:
        return {str(error): error}
    return {}


def _receivers(events: EventsSection, ship: Sequence[str], resolver: Resolver) -> Iterator[GarrisonError]:
    """What is wrong with receivers of events and checkpoints: each is made, and nothing sent. What can't be resolved is
    told elsewhere."""

    def reveal(reference: str) -> str:
        return resolver.read(reference).reveal()

    for table in events.exports:
        try:
            build_exports(Policy(events=EventsSection(exports=(table,))), b"", silent, lambda text: None, reveal)
        except (SecretError, SourceAway):
            continue
        except GarrisonError as error:
            yield error
    for text in ship:
        try:
            place_of(parse_link(text))
        except GarrisonError as error:
            yield error


def _unresolved(own: Sequence[OwnReference], resolver: Resolver) -> dict[str, GarrisonError]:
    """References of what a rehearsal does not put to work and so would not miss: receivers of events, and what `serve`
    alone needs."""
    _, failed = resolver.read_all({one.key: one.reference for one in own if one.room in ("events", "serve")})
    return {str(error): error for error in without_kept(SecretsUnresolved(failed))}
