"""Registered checks of the policy, with stable ids.

They run at start-up (an error stops a production start), in `garrison check`, and as tests. A check is a function from
a `Subject` to the places it objects to; what the objection means stands once, in its registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.errors import GarrisonError, OperatorError
from ..core.ports import Reveal
from ..findings.record import Finding, Location
from ..findings.severity import Level, Severity
from .model import SECTIONS, Policy, RouteClass, Section
from .reference import is_reference
from .source import Kind, Source, Sources, source_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the policy, the environment it runs in, the application if there is one, who set what, and how
    references are resolved (without it: those into the environment alone)."""

    policy: Policy
    environ: Mapping[str, str] = field(default_factory=dict)
    app: object | None = None
    sources: Sources = field(default_factory=dict)
    reveal: Reveal | None = None

    def revealed(self, text: str) -> str:
        """`text`, or what it refers to; empty for what can't be had, which the start itself objects to."""
        if not is_reference(text):
            return text
        if self.reveal is None:
            scheme, _, name = text.partition(":")
            return self.environ.get(name, "") if scheme == "env" else ""
        try:
            return self.reveal(text)
        except GarrisonError:
            return ""

    def classes(self, *sections: str) -> Iterator[tuple[str, Policy, RouteClass | None]]:
        """The default class and every route class that sets one of `sections`: key prefix, effective policy, class.

        What a class inherits is the default class's own matter, and objected to once.
        """
        yield "", self.policy, None
        for index, route in enumerate(self.policy.routes):
            if any(name in route.sections for name in sections):
                yield f"routes.{index}.", self.policy.effective(route), route

    def sections(self) -> Iterator[tuple[str, Section]]:
        """Every defence section with its dotted key, in the default class and where a route class sets it."""
        for prefix, policy, route in self.classes(*SECTIONS):
            for name in SECTIONS:
                if route is None or name in route.sections:
                    yield f"{prefix}{name}", getattr(policy, name)

    def source(self, key: str) -> Source:
        return source_of(self.sources, key)


@dataclass(frozen=True, slots=True)
class Objection:
    """One place a check objects to: the dotted policy key and what is wrong there."""

    key: str
    message: str


Examine = Callable[[Subject], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check. In development, `production_only` checks are at most low and stop nothing."""

    id: str
    title: str
    severity: Severity
    consequence: str
    remedy: str
    reference: str
    examine: Examine
    production_only: bool = False
    cwe: tuple[int, ...] = ()


CHECKS: dict[str, Check] = {}


def check(
    id: str,
    title: str,
    severity: Severity,
    *,
    consequence: str,
    remedy: str,
    reference: str,
    production_only: bool = False,
    cwe: tuple[int, ...] = (),
) -> Callable[[Examine], Examine]:
    """Register `examine` under a stable id. Ids are never reused."""

    def register(examine: Examine) -> Examine:
        if id in CHECKS:
            raise ValueError(f"check {id} is registered twice")
        CHECKS[id] = Check(id, title, severity, consequence, remedy, reference, examine, production_only, cwe)
        return examine

    return register


class PolicyUnsafe(OperatorError):
    """Checks object to the policy so gravely that the start is refused. `findings` are the errors."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        lines = "\n".join(f"  - {f.id} {f.location}: {f.message} {f.remedy}" for f in findings)
        super().__init__(
            f"The policy is unsafe, so the start is refused:\n{lines}", remedy="`garrison check` shows it all."
        )
        self.findings = tuple(findings)


def run_checks(subject: Subject) -> list[Finding]:
    """Every objection of every check, in the order of their ids; a `Report` sorts them worst first."""
    return [
        _finding(entry, objection, subject) for entry in registered().values() for objection in entry.examine(subject)
    ]


def registered() -> Mapping[str, Check]:
    """All checks by id."""
    from . import (  # noqa: F401  # they register
        rules,
        rules_abuse,
        rules_accounts,
        rules_alerts,
        rules_audit,
        rules_docs,
        rules_edge,
        rules_more,
        rules_reactions,
        rules_secrets,
        rules_serve,
        rules_store,
        rules_uploads,
    )  # fmt: skip

    return dict(sorted(CHECKS.items()))


def run_checks_twice(subject: Subject, reveal: Reveal) -> list[Finding]:
    """As `run_checks`; what the references stand for is looked at when nothing else is an error.

    Asking a source logs in to it, and that must not go over a link that a check objects to.
    """
    findings = run_checks(subject)
    if any(finding.severity.level is Level.ERROR for finding in findings):
        return findings
    return run_checks(replace(subject, reveal=reveal))


def refuse_unsafe(
    policy: Policy,
    environ: Mapping[str, str],
    app: object | None = None,
    sources: Sources | None = None,
    reveal: Reveal | None = None,
) -> None:
    """Raise `PolicyUnsafe` when a check finds an error. With `sources` it tells the places in the file; with `reveal`
    it looks at what the references of the policy stand for."""
    subject = Subject(policy, environ, app, sources or {})
    found = run_checks_twice(subject, reveal) if reveal else run_checks(subject)
    errors = [finding for finding in found if finding.severity.level is Level.ERROR]
    if errors:
        raise PolicyUnsafe(errors)


def _finding(entry: Check, objection: Objection, subject: Subject) -> Finding:
    severity = entry.severity
    if entry.production_only and subject.policy.development:
        severity = min(severity, Severity.LOW)
    source = subject.source(objection.key)
    return Finding(
        id=entry.id,
        title=entry.title,
        severity=severity,
        message=objection.message,
        consequence=entry.consequence,
        remedy=entry.remedy,
        reference=entry.reference,
        location=locate(source, objection.key),
        cwe=entry.cwe,
        evidence="" if source.path or source.kind is Kind.DEFAULT else f"set by: {source}",
    )


def locate(source: Source, key: str) -> Location:
    """The place of a policy key for a report: relative to the working directory, with the line where it is known."""
    if source.kind is Kind.FILE and source.path is not None:
        return Location.within(Path(), source.path, line=source.line, key=key)
    return Location(key=key)
