"""Registered checks of the policy, with stable ids.

They run at start-up (an error stops a production start), in `garrison check`, and as tests. A check is a function from
a `Subject` to the places it objects to; what the objection means stands once, in its registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..core.errors import OperatorError
from ..findings.record import Finding, Location
from ..findings.severity import Level, Severity
from .model import Policy, RouteClass


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the policy, the environment it runs in, and the application if there is one."""

    policy: Policy
    environ: Mapping[str, str] = field(default_factory=dict)
    app: object | None = None

    def classes(self) -> Iterator[tuple[str, Policy, RouteClass | None]]:
        """The default class and every route class: key prefix, effective policy, class."""
        yield "", self.policy, None
        for index, route in enumerate(self.policy.routes):
            yield f"routes.{index}.", self.policy.effective(route), route


@dataclass(frozen=True, slots=True)
class Objection:
    """One place a check objects to: the dotted policy key and what is wrong there."""

    key: str
    message: str


Examine = Callable[[Subject], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check. In development, `production_only` checks are reported one step milder and stop nothing."""

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


def run_checks(subject: Subject, *, sources: Mapping[str, str] | None = None) -> list[Finding]:
    """Every objection of every check, worst first as a `Report` sorts them."""
    from . import rules  # noqa: F401  # registers the checks; it imports `check` from here

    return [
        _finding(entry, objection, subject, sources or {})
        for entry in CHECKS.values()
        for objection in entry.examine(subject)
    ]


def refuse_unsafe(policy: Policy, environ: Mapping[str, str], app: object | None = None) -> None:
    """Raise `PolicyUnsafe` when a check finds an error."""
    errors = [f for f in run_checks(Subject(policy, environ, app)) if f.severity.level is Level.ERROR]
    if errors:
        raise PolicyUnsafe(errors)


def _finding(entry: Check, objection: Objection, subject: Subject, sources: Mapping[str, str]) -> Finding:
    severity = entry.severity
    if entry.production_only and subject.policy.development:
        severity = min(severity, Severity.LOW)
    return Finding(
        id=entry.id,
        title=entry.title,
        severity=severity,
        message=objection.message,
        consequence=entry.consequence,
        remedy=entry.remedy,
        reference=entry.reference,
        location=Location(key=objection.key),
        cwe=entry.cwe,
        evidence=sources.get(objection.key, ""),
    )
