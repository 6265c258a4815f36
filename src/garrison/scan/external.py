"""What is the same for all tools of others: found, of the pinned version, run within limits, read as JSON.

Each tool gives a `Reading` of its output. Everything that keeps the output from being whole becomes the status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..findings.record import Finding
from ..findings.report import ToolStatus
from .adapter import Limits, Result, whole
from .process import run_bounded
from .project import Project
from .toolbox import TOOLS, Tool, state


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tool's output says: findings, how many files it read and its version where it tells, and unread files."""

    findings: tuple[Finding, ...]
    files: int | None = None
    unread: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class External:
    """A tool with a program. `arguments` stand before the files; `read` turns its output into a `Reading`.

    `read` may raise KeyError, TypeError, ValueError or AttributeError for output of another shape.
    """

    name: str
    arguments: Sequence[str]
    files: Callable[[Project], Sequence[str]]
    read: Callable[[Any, Project], Reading]
    fine: tuple[int, ...] = (0, 1)
    program: Path | None = None
    """Another program than the installed one: for tests of tools that lie."""
    may_be_missing: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    """What the program's environment has besides what every tool gets."""
    memory: int = 0
    """The least address space in MB, for a runtime that reserves more than it uses."""

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        chosen = list(self.files(project))
        if not chosen:
            return Result(ToolStatus.skipped(self.name, "no file for it in the project", required=False))
        tool = TOOLS[self.name]
        if (gone := unusable(tool, self.program, may_be_missing=self.may_be_missing)) is not None:
            return gone
        program = self.program or tool.program
        bounds = replace(limits, memory=max(limits.memory, self.memory))
        ended = run_bounded([str(program), *self.arguments, *chosen], project.root, bounds, extra=self.environ)
        if why := ended.crash(*self.fine):
            return Result(ToolStatus.failed(self.name, why, version=tool.version))
        return whole(
            self.name, lambda: self._result(chosen, self.read(json.loads(ended.output), project)), tool.version
        )

    def _result(self, chosen: Sequence[str], reading: Reading) -> Result:
        status = _status(self.name, chosen, reading)
        return Result(replace(status, version=reading.version or TOOLS[self.name].version), reading.findings)


def unusable(tool: Tool, program: Path | None, *, may_be_missing: bool = False) -> Result | None:
    """The result where a tool can't run: not installed, or not the pinned version. `program`, if given, is trusted."""
    if program is not None or not (wrong := state(tool)):
        return None
    if "not installed" in wrong:
        status = ToolStatus.skipped(tool.name, wrong, required=not may_be_missing)
    else:
        status = ToolStatus.failed(tool.name, wrong)
    return Result(replace(status, version=tool.version))


def _status(name: str, chosen: Sequence[str], reading: Reading) -> ToolStatus:
    examined = f"{len(chosen)} file{'' if len(chosen) == 1 else 's'}"
    if reading.files == 0:
        return ToolStatus.failed(name, f"read none of {examined}")
    if reading.unread:
        return ToolStatus.incomplete(name, f"could not read {', '.join(reading.unread[:5])}", examined)
    if reading.files is not None and reading.files < len(chosen):
        return ToolStatus.incomplete(name, f"read {reading.files} of {examined}", examined)
    return ToolStatus.ran(name, examined)
