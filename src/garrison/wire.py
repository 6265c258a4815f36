"""Join the rooms: the one place that builds services and hands them to layers. Behind `harden`."""

from __future__ import annotations

import asyncio
import hashlib
import secrets as random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from .accounts.authorisation_principals import Credential, principals
from .accounts.authorisation_routes import RoutesUnknown, find_routes, refuse_undeclared
from .accounts.bearer import Bearer
from .accounts.bearer_http import Fetch
from .accounts.bundle import Accounts
from .asgi.door import Door
from .asgi.facts import ReadFacts
from .asgi.lifespan import Lifespan
from .asgi.onion import Onion
from .asgi.own import METRICS, REPORTS, Own
from .asgi.pools import Nonces
from .asgi.pulse import Pulse
from .asgi.selftest import selftest
from .asgi.types import App
from .core.ban_rules import AllowList, BanRules
from .core.capacity import Capacity
from .core.clock import SYSTEM, Clock
from .core.drill import PURPOSE as DRILL
from .core.drill import find_drill
from .core.errors import GarrisonError
from .core.facts import Facts
from .core.layer import Layer
from .core.ports import Emit, Records, ResolvePrincipal, Reveal, Services, SessionId
from .core.stack import Stack
from .core.verdict import Mode, Verdict
from .detection.build import attach_detection
from .events.audit.build import PURPOSE, build_audit, sign_end
from .events.audit.log import AuditLog
from .events.build import build_bus
from .events.bus import Bus, alarm_on_stderr
from .events.exports.build import WEBHOOK, build_exports
from .events.exports.metrics import Counts, render
from .events.vocabulary import EventName
from .inputs.uploads import try_uploads
from .layers.errors import compile_errors
from .layers.graphql import GraphqlPathUnknown, unserved
from .layers.order import compile_layers
from .layers.switches import switch_layer
from .policy.checks import refuse_unsafe
from .policy.held import environment
from .policy.load import Loaded, load
from .policy.model import BearerSection, EventsSection, Policy, RouteClass
from .policy.own_references import OwnReference, own_references
from .policy.presets import preset, raw_table
from .policy.section_alerts import AlertsSection
from .policy.section_audit import AuditSection
from .policy.section_detection import DetectionSection
from .policy.section_secrets import SecretsSection
from .reactions.build import attach_alerts, attach_reactions, build_desk
from .reactions.step_up import StepUpPageUnknown
from .secrets.errors import SecretsUnresolved, without_kept
from .secrets.keeping import keep_secrets
from .secrets.keyring import Keyring
from .secrets.named import Secrets
from .secrets.own import OwnSecrets
from .secrets.resolver import Resolver
from .secrets.transit import Ed25519, open_key
from .stores.bans import Bans
from .stores.build import build_stores
from .stores.switches import Switches

UserLayer = Layer | Callable[[Facts], Verdict]
_FLUSH_SECONDS = 5.0


def harden(
    app: App,
    policy: Policy | str | Path | None = None,
    *,
    principal: ResolvePrincipal | None = None,
    session_id: SessionId | None = None,
    layers: Sequence[UserLayer] = (),
    secrets: Secrets | None = None,
    clock: Clock = SYSTEM,
) -> Onion:
    """Put `app` behind the policy. Call it last, on the finished application.

    policy      a `Policy`, the path of a policy file, or None: `garrison.toml` or `[tool.garrison]` in pyproject.toml
    principal   who is asking, if the application has its own authentication (default: Garrison's sessions)
    session_id  the verified session id CSRF tokens are bound to (default: Garrison's sessions)
    layers      layers of your own, asked after the built-in ones: a function `(facts) -> Refuse | None` will do
    secrets     what `open_secrets` gave you, to be kept current (default: read here, so that none is missing)
    clock       time, for tests

    Raises `OperatorError` when the policy is missing, malformed or unsafe for its environment.
    """
    environ = environment()
    return _wire(app, load(policy, environ), environ, principal, session_id, layers, clock, secrets)


def _wire(
    app: App,
    loaded: Loaded,
    environ: Mapping[str, str],
    principal: ResolvePrincipal | None,
    session_id: SessionId | None,
    extra: Sequence[UserLayer],
    clock: Clock,
    secrets: Secrets | None,
) -> Onion:
    policy = loaded.policy
    resolver = Resolver.from_policy(policy, environ, secrets.resolver.vault if secrets else None, opens=True)
    check_routes = _route_check(policy, app)
    check_routes()
    routes = [*own_routes(policy), *policy.routes]
    names = ("default", *(route.name for route in routes))

    def check(reveal: Reveal) -> None:
        refuse_unsafe(policy, environ, app, loaded.sources, reveal)

    check(lambda reference: resolver.read(reference).reveal())
    bus = build_bus(policy, clock, routes=names)
    try:
        with bus.held():
            services = build_services(policy, environ, clock, bus, principal, session_id, secrets, resolver, check)
        services.route_names = names
        own_layers = (*(_as_layer(layer) for layer in extra), *services.layers)
        doors = [_door(policy.effective(route), services, own_layers) for route in (None, *routes)]
        selftest(doors, services)
        _refuse_uploads(policy)
    except BaseException:
        bus.close()  # a start that is refused leaves no thread, no open file and no log-in behind
        resolver.close()
        raise
    announce(policy, services.emit)
    read = ReadFacts(policy, routes, find_drill(services.signer(DRILL), clock.wall))
    return Onion(app, Own(app, policy, services), doors, read, services, _lifespan(bus, services, check_routes))


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


def build_services(
    policy: Policy,
    environ: Mapping[str, str],
    clock: Clock,
    bus: Bus,
    principal: ResolvePrincipal | None = None,
    session_id: SessionId | None = None,
    secrets: Secrets | None = None,
    resolver: Resolver | None = None,
    check: Callable[[Reveal], None] = lambda reveal: None,
) -> Services:
    """Everything layers may use, in the order the parts need each other. `check` refuses what a rotation brings."""
    resolver = resolver or Resolver.from_policy(policy, environ)
    own = OwnSecrets(policy, resolver, bus.emit, check)
    keyring = Keyring.from_policy(policy, environ, Path(policy.state), clock, resolver)
    stores = build_stores(policy, own.view("stores"), clock, _tell_of_store(bus))
    own.on_change("stores", stores.renew)
    services = Services(
        clock=clock,
        emit=bus.emit,
        uploads=policy.uploads,
        counters=stores.counters,
        records=stores.records,
        degraded=stores.degraded,
        opening=[stores.open],
        closing=[stores.close],
        signer=keyring.signer,
        sealer=keyring.sealer,
        nonces=Nonces(),
    )
    keep_secrets(policy, resolver, own, services, secrets)
    if audit := attach_audit(policy, keyring, clock, bus, resolver):
        services.recorded = lambda: not audit.failing
        services.closing.insert(0, lambda: asyncio.to_thread(sign_end, audit, bus))
        if policy.audit.transit:  # the end is signed last, with a log-in of its own
            services.closing.insert(0, lambda: asyncio.to_thread(resolver.close))
    services.metrics = attach_exports(policy, keyring, bus, services, own)
    services.bans = bans = build_bans(policy, stores.records, clock, bus.emit)
    services.opening.append(bans.open)
    if policy.store != "memory":  # a command reaches nobody's memory
        switches = Switches(stores.records, clock.monotonic)
        services.opening.append(switches.open)
        services.layers.append(switch_layer(policy, services, switches))
    services.capacity = _capacity(policy, bus)
    accounts = Accounts.build(services, policy)
    sessions = accounts.sessions
    services.accounts, services.sessions = accounts, sessions
    services.closing.append(accounts.close)
    names = ("default", *(route.name for route in (*own_routes(policy), *policy.routes)))
    detector = attach_detection(policy, bus, services, names, _shown(accounts), own.view("detection"))
    if detector is not None and detector.stream is not None:
        own.on_change("detection", detector.stream.renew)
    attach_reactions(policy, services, detector, accounts.freshness, own_sessions=principal is not None)
    if desk := build_desk(policy, bus, clock, own.view("stores")):
        own.on_change("stores", desk.renew)
        services.opening.append(desk.opening)
    own.on_change("reactions", attach_alerts(policy, keyring, bus, own.view("reactions"), desk, clock))
    services.session_id = session_id or sessions.session_id
    services.start_presession = sessions.start_presession if session_id is None else None
    tokens = _tokens(policy, services, accounts)
    services.principal = principal or (principals(sessions.resolve, *tokens) if tokens else sessions.resolve)
    return services


def _shown(accounts: Accounts) -> Callable[[str], str]:
    """What events call a login."""
    return lambda login: accounts.login.account(login).shown


def build_bans(policy: Policy, records: Records, clock: Clock, emit: Emit) -> Bans:
    """The ban list of `policy` over `records`. Raises `BadTarget` for a malformed `bans.allow`."""
    prefix = policy.client.ipv6_prefix
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, prefix))
    shared = policy.store != "memory"
    return Bans(records, clock, emit, rules, most=policy.bans.most, ipv6_prefix=prefix, shared=shared)


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
        stats = bus.stats()
        own = {one.name: one.stats() for one in outlets}
        lanes = tuple(own.get(lane.writer, lane) for lane in stats.writers)
        stats = replace(stats, writers=lanes)
        gauges = [(name, what, ask()) for name, (what, ask) in services.gauges.items()]
        return render(counts.items(), stats, gauges, recorded=services.recorded(), degraded=services.degraded())

    return metrics


def _capacity(policy: Policy, bus: Bus) -> Capacity:
    def changed(strained: bool) -> None:
        bus.emit(EventName.OVERLOAD_BEGAN if strained else EventName.OVERLOAD_ENDED)

    load = policy.load
    capacity = Capacity(least=load.least, most=load.most, target=load.delay, changed=changed)
    Pulse(capacity)
    return capacity


def _tokens(policy: Policy, services: Services, accounts: Accounts) -> list[Credential]:
    """The kinds of token that the policy takes, besides sessions. Raises `OperatorError` and `DependencyError`."""
    found: list[Credential] = [accounts.api_keys] if policy.api_keys.accept else []
    if policy.bearer.issuer:
        fetch = Fetch(allow_insecure_http="issuer" in policy.allow_insecure_link)
        found.append(Bearer(services, policy.bearer, fetch))
    return found


def _route_check(policy: Policy, app: App) -> Callable[[], None]:
    """Raises `RoutesUndeclared` where the policy wants all routes declared. Asked again when the application starts."""

    def check() -> None:
        if policy.authorisation.declare:
            refuse_undeclared(app, policy.authorisation.public)
        _check_graphql(policy, app)
        _check_step_up(policy, app)

    return check


def _check_graphql(policy: Policy, app: App) -> None:
    """Raises `GraphqlPathUnknown` for a path of `graphql.paths` where `app` shows its routes and has none."""
    wanted = {path for route in (None, *policy.routes) for path in policy.effective(route).graphql.paths}
    if not wanted:
        return
    try:
        routes = list(find_routes(app))
    except RoutesUnknown:
        return  # another framework: nothing can be said
    if unknown := unserved(wanted, [(route.path, route.route is None) for route in routes]):
        raise GraphqlPathUnknown(unknown)


def _check_step_up(policy: Policy, app: App) -> None:
    """Raises `StepUpPageUnknown` where `app` shows its routes and has no such page."""
    page = policy.reactions.step_up_page
    try:
        routes = list(find_routes(app)) if page else []
    except RoutesUnknown:
        return  # another framework: nothing can be said
    if page and unserved((page,), [(route.path, route.route is None) for route in routes]):
        raise StepUpPageUnknown(page)


def rehearse(policy: Policy, environ: Mapping[str, str]) -> list[GarrisonError]:
    """Build what `harden` builds and throw it away; every error that would stop the start, once each.

    Leaves nothing behind: events go nowhere, and generated development keys into a folder that is removed.
    """
    own = own_references(policy)
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
        try:
            services = build_services(policy, environ, SYSTEM, bus, resolver=resolver)
        except GarrisonError as error:
            found |= {str(one): one for one in without_kept(error)}
            # What is missing must not hide what else is wrong: go on with a key and stores that are there.
            without = {"key": "env:KEY", "store": "memory", "secrets": SecretsSection()}
            without |= {"detection": DetectionSection(), "alerts": AlertsSection()}
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
                selftest([_door(policy.effective(route), services, ())], services)
            except GarrisonError as error:
                found.setdefault(str(error), error)
        bus.close()
        resolver.close()
        return [*found.values(), *try_uploads(policy.uploads)]


def _unresolved(own: Sequence[OwnReference], resolver: Resolver) -> dict[str, GarrisonError]:
    """What a rehearsal does not build and so would not miss: receivers of events, and what `serve` alone needs."""
    _, failed = resolver.read_all({one.key: one.reference for one in own if one.room in ("events", "serve")})
    return {str(error): error for error in without_kept(SecretsUnresolved(failed))}


def own_routes(policy: Policy) -> list[RouteClass]:
    """The route classes of Garrison's own endpoints. They stand first: a policy can't loosen them by accident.

    Browsers send reports without a token, from any site's context: so no origin or CSRF check, but a small body, its
    own content types and its own limits. Nothing a report says is acted on.
    """
    why = "browser reports carry no token; they are bounded, counted and never acted on"
    return [
        RouteClass(
            name="garrison-metrics",  # whoever scrapes them names an address as Host; answered to the operator alone
            paths=(f"{policy.prefix}{METRICS}",),
            methods=("GET", "HEAD"),
            health=True,
            sections={"host": {"allow_ip": True}},
        ),
        RouteClass(
            name="garrison-reports",
            paths=(f"{policy.prefix}{REPORTS}",),
            sections={
                "size": {"body": policy.reports.body, "decompress": ()},
                "content": {
                    "mode": "enforce",
                    "types": ("application/csp-report", "application/reports+json", "application/json"),
                },
                "rate": {"address": policy.reports.address},
                "origin": {"mode": "off", "allow_insecure_off": why},
                "csrf": {"mode": "off", "allow_insecure_off": why},
            },
        ),
    ]


def _refuse_uploads(policy: Policy) -> None:
    """Raises what keeps uploads from working as the policy has them."""
    for failed in try_uploads(policy.uploads):
        raise failed


def _door(policy: Policy, services: Services, extra: tuple[Layer, ...]) -> Door:
    stack = Stack.build((*compile_layers(policy, services), *extra))
    return Door.build(policy, stack, compile_errors(policy))


def _as_layer(layer: UserLayer) -> Layer:
    if isinstance(layer, Layer):
        return layer
    return Layer(getattr(layer, "__name__", "user-layer"), decide=layer)


def _tell_of_store(bus: Bus) -> Callable[[bool, str], None]:
    def changed(away: bool, why: str) -> None:
        bus.emit(EventName.DEGRADED if away else EventName.RECOVERED, None, service="store", error=why)

    return changed


def _lifespan(bus: Bus, services: Services, check_routes: Callable[[], None]) -> Lifespan:
    async def on_start() -> None:
        check_routes()
        for opened in services.opening:
            await opened()
        services.emit(EventName.STARTUP)

    async def on_stop() -> None:
        services.emit(EventName.SHUTDOWN)
        for closed in reversed(services.closing):
            await closed()
        await asyncio.to_thread(bus.flush, _FLUSH_SECONDS)

    return Lifespan(on_start, on_stop)
