"""Further checks: what pages may load, keys, shared limits, and what a preset or a file leaves open."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .csp import BadDirective, check_directives, check_name, weaknesses
from .limits import indivisible
from .reference import is_reference
from .source import Kind

_YEAR = 31_536_000


@check(
    "P023", "Malformed CSP directive", Severity.CRITICAL,
    consequence="Browsers would ignore the directive, or read it as another one.",
    remedy="Write directives and sources as CSP Level 3 has them.",
    reference="CSP Level 3 section 2.3", cwe=(1021, 79),
)  # fmt: skip
def malformed_csp(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("csp"):
        for name, values in policy.csp.in_force.items():
            try:
                check_directives({name: values})
            except BadDirective as error:
                yield Objection(f"{prefix}csp.directives.{name}", str(error).removeprefix("csp.directives: "))
        for name in policy.csp.without:
            try:
                check_name(name)
            except BadDirective as error:
                yield Objection(f"{prefix}csp.without", str(error).removeprefix("csp.directives: "))


@check(
    "P024", "CSP leaves something open", Severity.MEDIUM,
    consequence="Injected markup can do more than it must.",
    remedy="Name nonces or exact hosts.",
    reference="CSP Level 3 section 8.3; OWASP Content Security Policy Cheat Sheet", cwe=(79, 1021),
)  # fmt: skip
def weak_csp(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("csp"):
        if policy.csp.mode is not Mode.OFF:
            for weakness in weaknesses(policy.csp.in_force):
                yield Objection(f"{prefix}csp.directives", f"{weakness}.")


@check(
    "P025", "Root key is no reference", Severity.CRITICAL,
    consequence="A key that stands in the policy is read by everybody who reads the repository.",
    remedy='Write key = "env:NAME", "file:/absolute/path" or "sealed:NAME"; make a new key if this one was real.',
    reference="OWASP ASVS 5.0 V13.3; CWE-798", cwe=(798,),
)  # fmt: skip
def key_in_policy(subject: Subject) -> Iterator[Objection]:
    if subject.policy.key and not is_reference(subject.policy.key):
        yield Objection("key", "no reference to where a key is kept.")


@check(
    "P043", "No limit by address", Severity.HIGH,
    consequence="Whoever is not logged in asks as often as they like, while the section says that it enforces.",
    remedy='Write a limit, or mode = "off" and say in allow_insecure_off why none is needed.',
    reference="OWASP API Security 2023, API4; docs/layers/rate.md", cwe=(770,),
)  # fmt: skip
def no_address_limit(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("rate"):
        if policy.rate.mode is not Mode.OFF and not policy.rate.address:
            yield Objection(f"{prefix}rate.address", "the list is empty.")


@check(
    "P026", "Limit too small to share", Severity.MEDIUM,
    consequence="Each process lets at least one request through, so all of them together exceed the limit.",
    remedy="Run fewer processes, or raise the limit and its burst to at least the number of processes.",
    reference="docs/layers/rate.md",
    cwe=(770,),
)  # fmt: skip
def indivisible_limit(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    if policy.store not in ("embedded", "memory"):
        return
    for prefix, effective, _ in subject.classes("rate"):
        for scope in ("address", "principal", "api_key"):
            for rate in indivisible(getattr(effective.rate, scope), policy.sharers):
                yield Objection(f"{prefix}rate.{scope}", f"{rate} among {policy.sharers} processes.")


@check(
    "P027", "Cross-site requests pass unchecked", Severity.MEDIUM,
    consequence="Any site can send requests with side effects in the name of a visitor who is logged in.",
    remedy="Turn origin on, or make sure that nothing here acts on cookies.",
    reference="OWASP CSRF Prevention Cheat Sheet", cwe=(352,),
)  # fmt: skip
def no_cross_site_check(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("csrf", "origin"):
        if policy.csrf.mode is Mode.OFF and policy.origin.mode is Mode.OFF:
            yield Objection(f"{prefix}origin.mode", "both origin and csrf are off.")


@check(
    "P028", "HSTS absent or short", Severity.LOW,
    consequence="After it has run out, a visitor's first request can be taken over on the network.",
    remedy="Keep headers.hsts.max_age at a year or more.",
    reference="RFC 6797 section 6.1.1; OWASP ASVS 5.0 V3.4.1", production_only=True, cwe=(319,),
)  # fmt: skip
def short_hsts(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("headers"):
        hsts = policy.headers.hsts
        if not policy.development and policy.headers.mode is not Mode.OFF and (hsts is None or hsts.max_age < _YEAR):
            yield Objection(f"{prefix}headers.hsts", "no HSTS." if hsts is None else f"{hsts.max_age:g} seconds.")


@check(
    "P029", "Ambiguous paths let through", Severity.LOW,
    consequence="A proxy and the application may read such a path differently, and rules for one path miss it.",
    remedy='Set those that the application does not need back to "refuse".',
    reference="RFC 3986 section 6.2.2; docs/layers/target.md", cwe=(436,),
)  # fmt: skip
def ambiguous_paths(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("target"):
        if passed := [name for name, value in policy.target if value == "pass"]:
            yield Objection(f"{prefix}target.{passed[0]}", f"passed: {', '.join(passed)}.")


@check(
    "P030", "Development written into the policy file", Severity.MEDIUM,
    consequence="The file that is deployed runs production as development: unchecked hosts, a generated key.",
    remedy="Take it out; `garrison serve --dev` or GARRISON_ENVIRONMENT says development where it is meant.",
    reference="docs/policy.md", cwe=(489,),
)  # fmt: skip
def development_in_file(subject: Subject) -> Iterator[Objection]:
    if subject.policy.development and subject.source("environment").kind is Kind.FILE:
        yield Objection("environment", "development, in a file that may be deployed.")


@check(
    "P031", "Defence left off by the preset", Severity.INFO,
    consequence="What this defence stops is not stopped; the preset is made for applications that don't need it.",
    remedy="Turn it on if the application does.",
    reference="docs/presets.md",
    cwe=(693,),
)  # fmt: skip
def off_by_preset(subject: Subject) -> Iterator[Objection]:
    for key, section in subject.sections():
        if section.mode is Mode.OFF and subject.source(f"{key}.mode").kind is Kind.PRESET:
            yield Objection(f"{key}.mode", f"off: {section.allow_insecure_off}.")


@check(
    "P032", "Session cookie goes along from other sites", Severity.MEDIUM,
    consequence="Other sites can embed the application and send requests with its visitors' sessions.",
    remedy='Keep session.same_site at "Lax" or "Strict" unless the application is embedded elsewhere.',
    reference="RFC 6265bis section 8.8", cwe=(1275,),
)  # fmt: skip
def session_everywhere(subject: Subject) -> Iterator[Objection]:
    if subject.policy.session.same_site == "None":
        yield Objection("session.same_site", "None.")
