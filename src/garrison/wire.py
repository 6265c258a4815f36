"""Join the rooms: the one place that builds services and hands them to layers. Behind `harden`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from .accounts.authorisation_principals import Credential, principals
from .accounts.authorisation_routes import RoutesUnknown, find_routes, refuse_undeclared
from .accounts.bearer import Bearer
from .accounts.bearer_http import Fetch
from .accounts.bundle import Accounts
from .asgi.door import Door
from .asgi.facts import ReadFacts
from .asgi.fitness import refuse_unfit
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
from .core.errors import OperatorError
from .core.facts import Facts
from .core.layer import Layer
from .core.ports import Emit, Records, Reveal, Services, SessionId, TellPrincipal
from .core.stack import Stack
from .core.verdict import Verdict
from .detection.build import attach_detection
from .events.audit.build import sign_end
from .events.build import build_bus
from .events.bus import Bus
from .events.vocabulary import EventName
from .inputs.uploads import try_uploads
from .layers.errors import compile_errors
from .layers.graphql import GraphqlPathUnknown, unserved
from .layers.order import compile_layers
from .layers.switches import switch_layer
from .policy.checks import refuse_unsafe
from .policy.held import environment
from .policy.load import Loaded, load
from .policy.model import Policy, RouteClass
from .reactions.build import attach_alerts, attach_reactions, build_desk
from .reactions.step_up import StepUpPageUnknown
from .recording import announce, attach_audit, attach_exports
from .secrets.keeping import keep_secrets
from .secrets.keyring import Keyring
from .secrets.named import Secrets
from .secrets.own import OwnSecrets
from .secrets.resolver import Resolver
from .stores.bans import Bans
from .stores.build import build_stores
from .stores.switches import Switches

UserLayer = Layer | Callable[[Facts], Verdict]
MakeCredential = Callable[[Services], Credential]
_FLUSH_SECONDS = 5.0


class CredentialsUnasked(OperatorError):
    """`credentials` stand beside a `principal` that takes the place of whatever would ask them."""

    def __init__(self) -> None:
        super().__init__(
            "harden() was given principal and credentials, and would ask the first alone.",
            remedy="Leave principal out, or ask the credentials in it: garrison.accounts.principals(…).",
            reference="docs/accounts/bearer-tokens.md",
        )


def harden(
    app: App,
    policy: Policy | str | Path | None = None,
    *,
    principal: TellPrincipal | None = None,
    session_id: SessionId | None = None,
    credentials: Sequence[MakeCredential] = (),
    layers: Sequence[UserLayer] = (),
    secrets: Secrets | None = None,
    clock: Clock = SYSTEM,
) -> Onion:
    """Put `app` behind the policy. Call it last, on the finished application.

    policy      a `Policy`, the path of a policy file, or None: `garrison.toml` or `[tool.garrison]` in pyproject.toml
    principal   who is asking, if the application has its own authentication (default: Garrison's sessions): a function
                `(facts, exchange) -> Principal | None`, async where it has to wait
    session_id  the verified session id CSRF tokens are bound to (default: Garrison's sessions)
    credentials further kinds of token besides those of the policy, such as those of a second issuer; each is made from
                the services: `lambda services: Bearer(services, section, kind="partner")`
    layers      layers of your own, asked after the built-in ones: a function `(facts) -> Refuse | None` will do
    secrets     what `open_secrets` gave you, to be kept current (default: read here, so that none is missing)
    clock       time, for tests

    Raises `OperatorError` when the policy is missing, malformed or unsafe for its environment, for what is no ASGI
    application or is behind Garrison already, and for `credentials` beside a `principal` that would be asked instead.
    """
    refuse_unfit(app, policy, layers)
    if credentials and principal is not None:
        raise CredentialsUnasked
    environ = environment()
    return _wire(app, load(policy, environ), environ, principal, session_id, credentials, layers, clock, secrets)


def _wire(
    app: App,
    loaded: Loaded,
    environ: Mapping[str, str],
    principal: TellPrincipal | None,
    session_id: SessionId | None,
    credentials: Sequence[MakeCredential],
    extra: Sequence[UserLayer],
    clock: Clock,
    secrets: Secrets | None,
) -> Onion:
    policy = loaded.policy
    resolver = Resolver.from_policy(policy, environ, secrets.resolver.vault if secrets else None, opens=True)
    check_routes = route_check(policy, app)
    check_routes()
    routes = [*own_routes(policy), *policy.routes]
    names = ("default", *(route.name for route in routes))

    def check(reveal: Reveal) -> None:
        refuse_unsafe(policy, environ, app, loaded.sources, reveal)

    check(lambda reference: resolver.read(reference).reveal())
    bus = build_bus(policy, clock, routes=names)
    try:
        with bus.held():
            services = build_services(
                policy, environ, clock, bus, principal, session_id, secrets, resolver, check, credentials
            )
        services.route_names = names
        own_layers = (*(_as_layer(layer) for layer in extra), *services.layers)
        doors = [build_door(policy.effective(route), services, own_layers) for route in (None, *routes)]
        selftest(doors, services)
        _refuse_uploads(policy)
    except BaseException:
        bus.close()  # a start that is refused leaves no thread, no open file and no log-in behind
        resolver.close()
        raise
    announce(policy, services.emit)
    read = ReadFacts(policy, routes, find_drill(services.signer(DRILL), clock.wall))
    return Onion(app, Own(policy, services), doors, read, services, _lifespan(bus, services, check_routes))


def build_services(
    policy: Policy,
    environ: Mapping[str, str],
    clock: Clock,
    bus: Bus,
    principal: TellPrincipal | None = None,
    session_id: SessionId | None = None,
    secrets: Secrets | None = None,
    resolver: Resolver | None = None,
    check: Callable[[Reveal], None] = lambda reveal: None,
    credentials: Sequence[MakeCredential] = (),
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
    services.has_session = _shows(session_id) if session_id else sessions.has_session
    services.start_presession = sessions.start_presession if session_id is None else None
    tokens = [*_tokens(policy, services, accounts), *(make(services) for make in credentials)]
    services.principal = principal or (principals(sessions.resolve, *tokens) if tokens else sessions.tell)
    return services


def _shows(session_id: SessionId) -> Callable[[Facts], bool]:
    """Whether a request shows a session, where the application has sessions of its own."""
    return lambda facts: session_id(facts) is not None


def _shown(accounts: Accounts) -> Callable[[str], str]:
    """What events call a login."""
    return lambda login: accounts.login.account(login).shown


def build_bans(policy: Policy, records: Records, clock: Clock, emit: Emit) -> Bans:
    """The ban list of `policy` over `records`. Raises `BadTarget` for a malformed `bans.allow`."""
    prefix = policy.client.ipv6_prefix
    rules = BanRules(policy.proxies, AllowList(policy.bans.allow, prefix))
    shared = policy.store != "memory"
    return Bans(records, clock, emit, rules, most=policy.bans.most, ipv6_prefix=prefix, shared=shared)


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


def route_check(policy: Policy, app: App) -> Callable[[], None]:
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
    if unknown := _not_served(wanted, app):
        raise GraphqlPathUnknown(unknown)


def _check_step_up(policy: Policy, app: App) -> None:
    """Raises `StepUpPageUnknown` where `app` shows its routes and has no such page."""
    page = policy.reactions.step_up_page
    if page and _not_served((page,), app):
        raise StepUpPageUnknown(page)


def _not_served(paths: Collection[str], app: App) -> list[str]:
    """Those of `paths` at which `app` serves nothing; none of another framework's, of which nothing can be said."""
    try:
        routes = list(find_routes(app)) if paths else []
    except RoutesUnknown:
        return []
    return unserved(paths, [(route.path, route.route is None) for route in routes])


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


def build_door(policy: Policy, services: Services, extra: tuple[Layer, ...]) -> Door:
    """All layers of one route class. Raises what a layer that can't be built raises."""
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
