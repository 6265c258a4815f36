"""What `garrison check` looks at: the policy's keys, the registered checks, a rehearsal of the start, the source."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..asgi.onion import Onion
from ..core.errors import GarrisonError
from ..findings.record import Finding, Location
from ..findings.report import Report, ToolStatus
from ..findings.severity import Severity
from ..policy.checks import PolicyUnsafe, Subject, locate, registered, run_checks_twice
from ..policy.load import Loaded, PolicyInvalid, load
from ..policy.model import SECTIONS
from ..policy.problems import Problem
from ..policy.source import DEFAULT, Kind, Source
from ..rehearsal import rehearse
from ..secrets.resolver import Resolver
from ..serve.errors import AppBrokenError
from .examine_config import examine_config
from .examine_routes import examine_routes
from .examine_store import examine_store
from .output import load_quietly
from .own_source import examine_source

_SAID_BY_A_CHECK = {
    "HostsMissing": {"P001"}, "BadHost": {"P002"}, "BadOrigin": {"P003", "P004"}, "KeyMissing": {"P007"},
    "IpOutsideHealth": {"P013"}, "BadProxy": {"P015"}, "BadDirective": {"P023"}, "KeyReferenceMalformed": {"P025"},
    "BadTarget": {"P037"},
}  # fmt: skip
"""Errors of the start that a check has told already, with the place in the file."""

_KEY = re.compile(r"\b[a-z]+(?:\.[a-z_]+)+\b")


@dataclass(frozen=True, slots=True)
class _Target:
    """The application under check: itself, its policy if it is hardened already, what was looked at, and why it refused
    to be loaded."""

    app: Any = None
    policy: Loaded | None = None
    status: ToolStatus | None = None
    refused: GarrisonError | None = None


def examine(policy: Path | None, app: str) -> Report:
    """Everything that is wrong, as a report. Raises `PolicyFileUnreadable`, and what keeps `app` from being loaded."""
    try:
        loaded = load(policy, os.environ)
    except PolicyInvalid as error:
        status = ToolStatus.ran("check", "keys and values of the policy")
        return _report([_invalid(problem) for problem in error.problems], [status])
    target = _target(app, loaded)
    loaded = target.policy or loaded
    findings = _checked(Subject(loaded.policy, os.environ, target.app, loaded.sources))
    start = list(_start(loaded, {finding.id for finding in findings}, target))
    statuses = [ToolStatus.ran("check", *_looked_at(loaded)), ToolStatus.ran("start", _built(loaded))]
    source: list[Finding] = []
    if (store := examine_store(loaded)) is not None:
        findings += store[0]
        statuses.append(store[1])
    if loaded.policy.config:
        own, status = examine_config(loaded.policy)
        findings += own
        statuses.append(status)
    if target.status:
        statuses.append(target.status)
    if target.app is not None:
        findings += examine_routes(target.app, loaded)
        source, status = examine_source(app)
        statuses.append(status)
    return _report([*findings, *start, *source], statuses)


def _checked(subject: Subject) -> list[Finding]:
    resolver = Resolver.from_policy(subject.policy, subject.environ)
    try:
        return run_checks_twice(subject, lambda reference: resolver.read(reference).reveal())
    finally:
        resolver.close()


def _report(findings: list[Finding], statuses: list[ToolStatus]) -> Report:
    return Report(command="check", version=__version__, findings=tuple(findings), statuses=tuple(statuses))


def _invalid(problem: Problem) -> Finding:
    return Finding(
        id="P000",
        title="Policy cannot be used",
        severity=Severity.CRITICAL,
        message=problem.message,
        consequence="The application does not start.",
        remedy=problem.fix or "Write the key as docs/policy.md has it.",
        reference="docs/policy.md",
        location=locate(problem.source or DEFAULT, problem.key),
        evidence=f"set by: {problem.source}" if problem.source and problem.source.path is None else "",
    )


def _target(reference: str, found: Loaded) -> _Target:
    if not reference:
        return _Target()
    try:
        app = load_quietly(reference)
    except AppBrokenError as error:
        if not isinstance(error.__cause__, GarrisonError):
            raise
        # The module hardens itself and Garrison refused: the findings say why, the application itself stays unseen.
        why = f"{reference} can't be loaded before the findings are mended"
        return _Target(status=ToolStatus.skipped("application", why, required=False), refused=error.__cause__)
    if not isinstance(app, Onion):
        return _Target(app, status=ToolStatus.ran("application", reference))
    used = app.doors[0].policy
    own = None if used == found.policy else load(used, os.environ)
    return _Target(app.app, own, ToolStatus.ran("application", f"{reference} (hardened, with its own policy)"))


def _looked_at(loaded: Loaded) -> Iterator[str]:
    policy = loaded.policy
    yield locate(Source(Kind.FILE, path=loaded.file), "").path if loaded.file else "no policy file"
    yield f"preset {policy.preset}, {policy.environment}"
    yield f"{len(registered())} checks"


def _built(loaded: Loaded) -> str:
    count = len(loaded.policy.routes) + 1
    return f"a rehearsal of the start with {count} route class{'es' if count > 1 else ''}"


def _start(loaded: Loaded, told: Collection[str], target: _Target) -> Iterator[Finding]:
    """What would stop the start though no check objects to it, as findings."""
    rehearsed = rehearse(loaded.policy, os.environ, target.app)
    yield from (_refusal(error, loaded) for error in rehearsed if not _is_told(error, told))
    # The application has a policy of its own, or objects to something that only its own code knows.
    refused = target.refused
    if isinstance(refused, PolicyUnsafe):
        yield from (finding for finding in refused.findings if finding.id not in told)
    elif refused is not None and not _is_told(refused, told) and type(refused) not in map(type, rehearsed):
        yield _refusal(refused, loaded)


def _is_told(error: GarrisonError, told: Collection[str]) -> bool:
    return not _SAID_BY_A_CHECK.get(type(error).__name__, set()).isdisjoint(told)


def _refusal(error: GarrisonError, loaded: Loaded) -> Finding:
    return Finding(
        id=f"start/{type(error).__name__}",
        title="The start is refused",
        severity=Severity.CRITICAL,
        message=error.message,
        consequence="The application does not start.",
        remedy=error.remedy,
        reference=error.reference,
        location=_place(loaded, f"{error.message} {error.remedy}"),
        source="start",
    )


def _place(loaded: Loaded, text: str) -> Location | None:
    """The place of the first policy key that an error names."""
    for key in _KEY.findall(text):
        if key.partition(".")[0] in SECTIONS:
            return locate(loaded.source(key), key)
    return None
