"""Build what `harden` builds and throw it away: what `garrison check` says of the start."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from .asgi.selftest import selftest
from .core.clock import SYSTEM
from .core.errors import GarrisonError
from .core.ports import silent
from .events.audit.build import place_of
from .events.build import build_bus
from .events.exports.build import build_exports
from .events.links import parse_link
from .inputs.uploads import try_uploads
from .policy.model import BansSection, BearerSection, EventsSection, Policy
from .policy.own_references import OwnReference, own_references
from .policy.section_alerts import AlertsSection
from .policy.section_audit import AuditSection
from .policy.section_detection import DetectionSection
from .policy.section_secrets import SecretsSection
from .secrets.errors import SecretError, SecretsUnresolved, SourceAway, without_kept
from .secrets.resolver import Resolver
from .wire import build_door, build_services, own_routes


def rehearse(policy: Policy, environ: Mapping[str, str]) -> list[GarrisonError]:
    """Build what `harden` builds and throw it away; every error that would stop the start, once each.

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
        try:
            services = build_services(policy, environ, SYSTEM, bus, resolver=resolver)
        except GarrisonError as error:
            found |= {str(one): one for one in without_kept(error)}
            # What is missing must not hide what else is wrong: go on with a key and stores that are there.
            without = {"key": "env:KEY", "store": "memory", "secrets": SecretsSection()}
            without |= {
                "detection": DetectionSection(),
                "alerts": AlertsSection(),
                "proxies": (),
                "bans": BansSection(),
            }
            environ = {"KEY": random.token_urlsafe(32)}
            try:
                services = build_services(policy.model_copy(update=without), environ, SYSTEM, bus)
            except GarrisonError as another:
                found[str(another)] = another
                without["bearer"] = BearerSection()
                services = build_services(policy.model_copy(update=without), environ, SYSTEM, bus)
        routes = [None, *own_routes(policy), *policy.routes]
        services.route_names = tuple(route.name if route else "default" for route in routes)
        for route in routes:
            try:
                selftest([build_door(policy.effective(route), services, ())], services)
            except GarrisonError as error:
                found.setdefault(str(error), error)
        bus.close()
        resolver.close()
        return [*found.values(), *try_uploads(policy.uploads)]


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
