"""`garrison scan review`: the security review that fits a change, as findings and as a checklist.

Threat: the hole that comes in with a change nobody reviewed for security, because nobody said what to look at.
Assumption: the change is read as Git has it; nothing of it runs. Lets pass: what only shows in a running application
(`garrison routes`), and what each module of rules names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from ..findings.as_markdown import escape
from ..findings.inert import clip
from ..findings.record import Finding
from ..findings.report import Report, ToolStatus
from ..findings.severity import Severity
from ..policy.files import FILE_NAME, PROJECT_FILE
from .history import Change, Changes
from .lockfiles import Dependency, is_lock, parse_lock, unreadable
from .project import is_test
from .review_code import python_changes
from .review_rules import TOOL, Topic
from .versions import parse

_DEFENCE: Final = re.compile(
    r"(?:^|[/_])(?:auth\w*|login|log_in|session\w*|csrf|cors|permission\w*|acl|crypto\w*|passwords?|tokens?|security"
    r"|middleware|policy|sanitiz\w*|validat\w*|layers|accounts|inputs|guard\w*)(?=[/_.])",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[\w-]{20}\b"
    r"|\bsk_live_[0-9A-Za-z]{24,}\b|\bxox[abp]-[\w-]{20,}\b|\bAIza[\w-]{35}\b"
)
_WORKFLOW: Final = re.compile(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$|\.gitlab-ci\.yml$")
_RIGHTS_LINE: Final = re.compile(
    r"^\s*(?:permissions:.*|(?:[a-z-]+): write|.*pull_request_target.*|USER\s+.*|.*privileged:\s*true.*|\s*cap_add:.*"
    r"|User=.*|CapabilityBoundingSet=.*|NoNewPrivileges=no.*)$"
)
_LOOSE: Final = re.compile(r"allow_insecure|^suppressions|(?:^|\.)mode$")


def review(changes: Changes, version: str, created: datetime | None = None) -> Report:
    """Everything to look at in a change, and what could not be looked at."""
    found: list[Finding] = []
    unread: list[str] = []
    for change in changes.files:
        here: list[Finding] = []
        try:
            here += _one(change)
        except (SyntaxError, ValueError, RecursionError) as error:
            unread.append(unreadable(change.path, error))
        told = {one.location.line for one in here if one.location and one.id == Topic.SECRET.value.id}
        found += [one for one in _secrets(change) if one.location is None or one.location.line not in told]
        found += here
    found += _untested(changes)
    found += [Topic.UNSEEN.found(f"{path} is no text, too large, or a link.", path) for path in changes.left_out]
    examined = (f"{len(changes.files)} changed files", f"{changes.base[:12]}..{changes.head[:12]}")
    if unread:
        status = ToolStatus.incomplete(TOOL, f"could not read {', '.join(unread[:5])}", *examined)
    else:
        status = ToolStatus.ran(TOOL, *examined)
    return Report(command=TOOL, version=version, findings=tuple(found), statuses=(status,), created=created)


def checklist(report: Report) -> str:
    """The report as Markdown for a pull request: a box to tick for everything, by topic, worst first."""
    lines = ["## Security review", ""]
    lines += [f"**{escape(one.tool)} {one.outcome}: {escape(one.detail)}**\n" for one in report.gaps]
    examined = escape(", ".join(report.examined))
    if not report.findings:
        return "\n".join([*lines, f"Nothing of the list is touched. Looked at: {examined}.", ""])
    groups: dict[str, list[Finding]] = {}
    for one in report.findings:
        groups.setdefault(one.id, []).append(one)
    for rule, several in groups.items():
        lines += [f"### {escape(several[0].title)} ({rule})", "", escape(several[0].remedy), ""]
        for one in several[:_MOST_SHOWN]:
            lines.append(f"- [ ] {one.severity}: {escape(str(one.location))} — {escape(clip(one.message, 300))}")
        if len(several) > _MOST_SHOWN:
            lines.append(f"- [ ] and {len(several) - _MOST_SHOWN} more")
        lines.append("")
    return "\n".join([*lines, f"<sub>Looked at: {examined}.</sub>", ""])


_MOST_SHOWN: Final = 40


def _one(change: Change) -> Iterator[Finding]:
    if change.mode == "100755" and change.old_mode != "100755":
        yield Topic.RIGHTS.found("The file can be executed now.", change.path)
    if is_lock(change.path):
        yield from _dependencies(change)
    elif PurePosixPath(change.path).name in (FILE_NAME, PROJECT_FILE):
        yield from _policy(change)
    elif change.path.endswith(".py") and not is_test(change.path):
        yield from python_changes(change)
    if _WORKFLOW.search(change.path) or re.search(r"ockerfile|compose.*\.ya?ml$|\.service$", change.path):
        yield from _rights(change)


def _secrets(change: Change) -> Iterator[Finding]:
    known = set(_KEYS.findall(change.before))
    for number, line in enumerate(change.after.splitlines(), start=1):
        for match in _KEYS.finditer(line):
            if match[0] not in known:
                severity = Severity.LOW if is_test(change.path) else None
                said = f"Looks like a key: {match[0][:8]}…"
                yield Topic.SECRET.found(said, change.path, number, severity=severity)


def _rights(change: Change) -> Iterator[Finding]:
    known = {line.strip() for line in change.before.splitlines()}
    for number, line in enumerate(change.after.splitlines(), start=1):
        if _RIGHTS_LINE.match(line) and line.strip() not in known:
            yield Topic.RIGHTS.found(f"`{line.strip()[:120]}`", change.path, number)


def _policy(change: Change) -> Iterator[Finding]:
    before, after = (_flat(_values(change.path, text)) for text in (change.before, change.after))
    lines = change.after.splitlines()
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key):
            continue
        last = key.rpartition(".")[2]
        line = next((number for number, text in enumerate(lines, start=1) if text.strip().startswith(last)), 1)
        loose = _LOOSE.search(key) and key in after and after[key] not in {"False", "'enforce'", "[]", "''"}
        topic = Topic.LOOSENED if loose else Topic.POLICY
        severity = Severity.MEDIUM if loose and key.startswith("suppressions") else None
        said = f"{key}: {before.get(key, 'not set')[:80]} → {after.get(key, 'not set')[:80]}"
        yield topic.found(said, change.path, line, key=key, severity=severity, mark=key)


def _values(path: str, text: str) -> Any:
    """The policy in a file: all of garrison.toml, one table of pyproject.toml."""
    values = tomllib.loads(text)
    for name in ("tool", "garrison") if PurePosixPath(path).name == PROJECT_FILE else ():
        found = values.get(name)
        values = found if isinstance(found, dict) else {}
    return values


def _flat(data: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(data, dict):
        return {key: value for name, one in data.items() for key, value in _flat(one, f"{prefix}{name}.").items()}
    if isinstance(data, list) and any(isinstance(one, dict) for one in data):
        return {key: value for n, one in enumerate(data) for key, value in _flat(one, f"{prefix}{n}.").items()}
    return {prefix.rstrip("."): repr(data)}


def _dependencies(change: Change) -> Iterator[Finding]:
    old, new = (_by_name(change.path, text) for text in (change.before, change.after))
    for name, one in new.items():
        before = old.get(name)
        shown = f"{one.name} {one.version or '(not pinned)'}"
        if before is None:
            yield Topic.PACKAGE.found(f"{shown}.", change.path, one.line, key=one.name, mark=shown)
        elif before.version != one.version:
            topic = Topic.WEAKER if _is_back(before, one) else Topic.VERSION
            said = f"{one.name} {before.version or '(not pinned)'} → {one.version or '(not pinned)'}."
            yield topic.found(said, change.path, one.line, key=one.name)
        if before is not None and before.hashes and not one.hashes:
            yield Topic.WEAKER.found(f"{shown} has no hash any more.", change.path, one.line, key=one.name)
        if one.scripts and not (before and before.scripts):
            said = f"{shown} runs a script when it is installed."
            yield Topic.WEAKER.found(said, change.path, one.line, key=one.name)


def _by_name(path: str, text: str) -> dict[str, Dependency]:
    return {one.name: one for one in parse_lock(path, text)} if text else {}


def _is_back(before: Dependency, after: Dependency) -> bool:
    try:
        return bool(parse(after.version, after.ecosystem) < parse(before.version, before.ecosystem))
    except ValueError:
        return bool(before.version) and not after.version


def _untested(changes: Changes) -> Iterator[Finding]:
    """Defences whose test was not touched: a test belongs to what has its name in it, or imports it."""
    tests = [change for change in changes.files if is_test(change.path) and change.after]
    for change in changes.files:
        path = PurePosixPath(change.path)
        if path.suffix != ".py" or path.name == "__init__.py" or is_test(change.path) or not change.after:
            continue
        stem = path.stem.lstrip("_")
        touched = any(
            stem in PurePosixPath(one.path).stem or re.search(rf"\b{re.escape(stem)}\b", one.after) for one in tests
        )
        if _DEFENCE.search(f"/{change.path}") and not touched:
            yield Topic.UNTESTED.found(f"{change.path} is a defence by its name; no test of it changed.", change.path)
