"""The checks themselves, in the order of their ids. Each is a few lines; the registration says why it matters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..core.address import BadProxy, parse_proxies
from ..core.host import compile_hosts, configured_origin
from ..core.path import PathPattern
from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .limits import shadowed
from .model import Names, RouteClass
from .presets import preset
from .source import Kind

_WIDE_IPV4, _WIDE_IPV6 = 8, 16


@check(
    "P001", "No hosts in production", Severity.CRITICAL,
    consequence="Without a list of hosts, links and redirects can be made to point at an attacker's site.",
    remedy='Name them: hosts = ["shop.example.com"].',
    reference="CWE-644; OWASP ASVS 5.0 V4.1", production_only=True, cwe=(644,),
)  # fmt: skip
def no_hosts(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.hosts and not subject.policy.development:
        yield Objection("hosts", "no host is named.")


@check(
    "P002", "Malformed host", Severity.CRITICAL,
    consequence="The pattern would never match, or match what it should not.",
    remedy="Write an exact name or *.example.com; patterns are no regular expressions.",
    reference="RFC 9110 section 7.2", cwe=(20,),
)  # fmt: skip
def malformed_host(subject: Subject) -> Iterator[Objection]:
    for index, pattern in enumerate(subject.policy.hosts):
        try:
            compile_hosts((pattern,))
        except ValueError as error:
            yield Objection(f"hosts.{index}", f"{error}.")


@check(
    "P003", "CORS: any origin with credentials", Severity.CRITICAL,
    consequence="Every site could read personal answers in the name of a logged-in user.",
    remedy="Name the origins, or turn credentials off.",
    reference="Fetch standard, CORS protocol and credentials", cwe=(942,),
)  # fmt: skip
def any_origin_with_credentials(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("cors"):
        if "*" in policy.cors.origins and policy.cors.credentials:
            yield Objection(f"{prefix}cors.origins", '"*" together with credentials = true.')


@check(
    "P004", "Malformed origin", Severity.CRITICAL,
    consequence="A malformed origin never matches, or matches more than is meant.",
    remedy="Write scheme://host or scheme://host:port, nothing behind it.",
    reference="RFC 6454 section 4", cwe=(942,),
)  # fmt: skip
def malformed_origin(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, route in subject.classes("cors", "origin"):
        lists = (("cors.origins", policy.cors.origins), ("origin.trusted", policy.origin.trusted))
        for key, origins in _own(lists, route):
            for origin in origins:
                if origin == "*" and key == "cors.origins":
                    continue
                try:
                    configured_origin(origin)
                except ValueError as error:
                    yield Objection(f"{prefix}{key}", f"{error}.")


@check(
    "P005", "Plaintext origin in production", Severity.HIGH,
    consequence="Whoever is on the network path of that origin can act in its name.",
    remedy="Use https://; for a development server use cors.development_ports.",
    reference="OWASP ASVS 5.0 V3.4", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_origin(subject: Subject) -> Iterator[Objection]:
    if subject.policy.development:
        return
    for prefix, policy, route in subject.classes("cors", "origin"):
        lists = (("cors.origins", policy.cors.origins), ("origin.trusted", policy.origin.trusted))
        for key, origins in _own(lists, route):
            for origin in origins:
                if origin.lower().startswith("http://"):
                    yield Objection(f"{prefix}{key}", f"{origin} is not encrypted.")


@check(
    "P006", "Debug mode in production", Severity.CRITICAL,
    consequence="Error pages would show source code, variables and secrets to anybody.",
    remedy="Create the application with debug=False.",
    reference="CWE-489; OWASP ASVS 5.0 V13.4", production_only=True, cwe=(489, 209),
)  # fmt: skip
def debug_on(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.development and getattr(subject.app, "debug", False) is True:
        yield Objection("environment", "the application runs with debug=True.")


@check(
    "P007", "No root key in production", Severity.CRITICAL,
    consequence="Sessions and CSRF tokens could not be signed.",
    remedy="Set GARRISON_KEY to the output of `garrison secrets key`, or name a file with key = \"file:/path\".",
    reference="OWASP ASVS 5.0 V11.2", production_only=True, cwe=(321,),
)  # fmt: skip
def no_key(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.development and not subject.policy.key and not subject.environ.get("GARRISON_KEY"):
        yield Objection("key", "no root key is configured.")


@check(
    "P008", "Limit that can never trigger", Severity.HIGH,
    consequence="A limit that another one always forestalls looks like protection and is none.",
    remedy="Remove it, or make it stricter than the other over its own window.",
    reference="docs/layers/rate.md",
    cwe=(770,),
)  # fmt: skip
def dead_limit(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("rate"):
        for scope in ("address", "principal", "api_key"):
            for dead, by in shadowed(getattr(policy.rate, scope)):
                yield Objection(f"{prefix}rate.{scope}", f"{dead} never triggers: {by} always refuses first.")


@check(
    "P009", "Defence turned off", Severity.MEDIUM,
    consequence="What this defence stops is not stopped.",
    remedy="Turn it on, or keep the reason current.",
    reference="docs/policy.md",
    cwe=(693,),
)  # fmt: skip
def turned_off(subject: Subject) -> Iterator[Objection]:
    for key, section in subject.sections():
        by_preset = subject.source(f"{key}.mode").kind is Kind.PRESET
        if section.mode is Mode.OFF and section.allow_insecure_off.strip() and not by_preset:
            yield Objection(f"{key}.mode", f"off: {section.allow_insecure_off.strip().rstrip('.')}.")


@check(
    "P010", "Defence turned off without a reason", Severity.CRITICAL,
    consequence="Nobody will know later whether this was meant.",
    remedy='Say why: allow_insecure_off = "webhooks carry a signature of their own".',
    reference="docs/policy.md",
)  # fmt: skip
def off_without_reason(subject: Subject) -> Iterator[Objection]:
    for key, section in subject.sections():
        if section.mode is Mode.OFF and not section.allow_insecure_off.strip():
            yield Objection(f"{key}.mode", "off, and allow_insecure_off gives no reason.")


@check(
    "P011", "Defence only watches", Severity.LOW,
    consequence="Refusals are written down and the requests go on.",
    remedy="Read `garrison report`, then set mode = \"enforce\".",
    reference="docs/monitor-first.md", production_only=True,
    cwe=(693,),
)  # fmt: skip
def monitored(subject: Subject) -> Iterator[Objection]:
    for key, section in subject.sections():
        if section.mode is Mode.MONITOR:
            yield Objection(f"{key}.mode", "monitor: it refuses nothing.")


@check(
    "P012", "Testing preset in production", Severity.CRITICAL,
    consequence="It has no rate limits and answers to the host of test clients.",
    remedy="Choose browser, api or compat.",
    reference="docs/presets.md", production_only=True,
    cwe=(770,),
)  # fmt: skip
def testing_in_production(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.development and preset(subject.policy.preset).name == "testing":
        yield Objection("preset", "testing is for test suites.")


@check(
    "P013", "IP hosts outside health checks", Severity.HIGH,
    consequence="Scanners reach the application by its address and pass the host check.",
    remedy="Give the probe's paths a route class with health = true instead.",
    reference="docs/layers/host.md", cwe=(644,),
)  # fmt: skip
def ip_hosts(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, route in subject.classes("host"):
        if policy.host.allow_ip and not (route and route.health):
            yield Objection(f"{prefix}host.allow_ip", "an IP literal is let through as Host.")


@check(
    "P014", "Health class too wide", Severity.HIGH,
    consequence="Host and forwarding checks are relaxed for every path it covers.",
    remedy="Name the probe's exact paths.",
    reference="docs/layers/host.md",
    cwe=(348,),
)  # fmt: skip
def wide_health(subject: Subject) -> Iterator[Objection]:
    for index, route in enumerate(subject.policy.routes):
        for path in route.paths if route.health else ():
            if "*" in path:
                yield Objection(f"routes.{index}.paths", f"{path} of a health class is a pattern.")


@check(
    "P015", "Everybody is a trusted proxy", Severity.CRITICAL,
    consequence="Any client can choose its own address: limits and bans mean nothing.",
    remedy="Name the networks your proxies really have.",
    reference="CWE-348", cwe=(348,),
)  # fmt: skip
def everybody_trusted(subject: Subject) -> Iterator[Objection]:
    for index, text in enumerate(subject.policy.proxies):
        try:
            networks, _ = parse_proxies([text])
        except BadProxy as error:
            yield Objection(f"proxies.{index}", f"{error.fault}.")
            continue
        for network in networks:
            if network.prefixlen < (_WIDE_IPV4 if network.version == 4 else _WIDE_IPV6):
                yield Objection(f"proxies.{index}", f"{text} covers a large part of the internet.")


@check(
    "P016", "Limits counted per process", Severity.LOW,
    consequence="Each process counts for itself and gets its share of every limit.",
    remedy="Keep processes true to the number of workers; a shared store counts across them.",
    reference="docs/layers/rate.md",
    cwe=(770,),
)  # fmt: skip
def per_process(subject: Subject) -> Iterator[Objection]:
    if subject.policy.store in ("embedded", "memory") and subject.policy.processes > 1:
        yield Objection("store", f"{subject.policy.store}, with {subject.policy.processes} processes.")


@check(
    "P017", "Cookies without Secure or HttpOnly", Severity.HIGH,
    consequence="Session cookies can be read on the network path or by any injected script.",
    remedy="List the one cookie under cookies.leave or cookies.readable instead.",
    reference="OWASP ASVS 5.0 V3.3", cwe=(614, 1004),
)  # fmt: skip
def bare_cookies(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("cookies"):
        if not policy.cookies.secure:
            yield Objection(f"{prefix}cookies.secure", "cookies are not made Secure.")
        if not policy.cookies.http_only:
            yield Objection(f"{prefix}cookies.http_only", "cookies are not made HttpOnly.")


@check(
    "P018", "Nothing is recorded", Severity.MEDIUM,
    consequence="Refusals, failures and attacks leave no trace.",
    remedy='Set events.output to "stderr" or a file, or events.store to true.',
    reference="OWASP Top 10 2025 A09", production_only=True, cwe=(778,),
)  # fmt: skip
def nothing_recorded(subject: Subject) -> Iterator[Objection]:
    events = subject.policy.events
    if events.output == "none" and not events.store:
        yield Objection("events.output", "events go nowhere.")


@check(
    "P019", "Forwarding headers not required", Severity.MEDIUM,
    consequence="Requests from the proxy without a forwarding header are charged to nobody.",
    remedy="Let the proxy always set the header; give its health probes a route class with health = true.",
    reference="docs/layers/client.md", cwe=(348,),
)  # fmt: skip
def direct_proxy(subject: Subject) -> Iterator[Objection]:
    if subject.policy.client.allow_insecure_direct_proxy:
        yield Objection("client.allow_insecure_direct_proxy", "it is true.")


@check(
    "P020", "Route class that can't be used", Severity.CRITICAL,
    consequence="Its settings would silently not apply.",
    remedy="Mend the path, or move the class above the one that covers it.",
    reference="docs/policy.md",
)  # fmt: skip
def dead_class(subject: Subject) -> Iterator[Objection]:
    earlier: list[tuple[PathPattern, RouteClass]] = []
    for index, route in enumerate(subject.policy.routes):
        own: list[tuple[PathPattern, RouteClass]] = []
        for path in route.paths:
            try:
                own.append((pattern := PathPattern(path), route))
            except ValueError as error:
                yield Objection(f"routes.{index}.paths", f"{error}.")
                continue
            for other, first in earlier:
                if other.covers(pattern) and _takes(first, route.methods):
                    yield Objection(f"routes.{index}.paths", f"{path} belongs to the class {first.name!r} already.")
                    break
        earlier += own
        if any(other.name == route.name for other in subject.policy.routes[:index]):
            yield Objection(f"routes.{index}.name", f"{route.name!r} is used already.")
        allowed = subject.policy.effective(route).method
        for method in _upper(route.methods) - _upper(allowed.allow) if allowed.mode is Mode.ENFORCE else ():
            yield Objection(f"routes.{index}.methods", f"{method} is not in method.allow: no such request gets there.")


def _takes(route: RouteClass, methods: Names) -> bool:
    """Whether the class is for all of `methods`, none named standing for every one."""
    return not route.methods or (bool(methods) and _upper(route.methods) >= _upper(methods))


def _upper(methods: Names) -> frozenset[str]:
    return frozenset(method.upper() for method in methods)


@check(
    "P021", "Session lifetimes contradict", Severity.HIGH,
    consequence="The idle limit would never end a session.",
    remedy="Make session.idle shorter than session.absolute.",
    reference="OWASP ASVS 5.0 V7.3", cwe=(613,),
)  # fmt: skip
def session_lifetimes(subject: Subject) -> Iterator[Objection]:
    session = subject.policy.session
    if not 0 < session.idle <= session.absolute:
        yield Objection("session.idle", "not between 0 and session.absolute.")


@check(
    "P022", "Cookie outside its prefix rules", Severity.CRITICAL,
    consequence="A cookie without the __Host- prefix can be planted by a sibling domain.",
    remedy='Keep a name that begins with "__Host-".',
    reference="RFC 6265bis section 4.1.3.2", cwe=(565,),
)  # fmt: skip
def unprefixed_cookies(subject: Subject) -> Iterator[Objection]:
    names = (("session.cookie", subject.policy.session.cookie), ("csrf.cookie", subject.policy.csrf.cookie))
    for key, name in names:
        if not name.startswith("__Host-"):
            yield Objection(key, f"{name!r} lacks the __Host- prefix.")


def _own(lists: Iterable[tuple[str, Names]], route: RouteClass | None) -> Iterator[tuple[str, Names]]:
    """The lists whose section is set where we are: a class's inherited ones are the policy's own matter."""
    for key, names in lists:
        if route is None or key.partition(".")[0] in route.sections:
            yield key, names
