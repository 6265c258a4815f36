"""What every scanner behind `garrison scan` is: something that looks at a project and says honestly how far it came.

Contract: `run` never raises for what its tool does; a crash, a time limit, a wrong version, output that ends early and
files that nobody looked at each become a status with its reason. A tool that had nothing to look at is `skipped`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..findings.record import Finding
from ..findings.report import ToolStatus
from .project import Project


@dataclass(frozen=True, slots=True)
class Limits:
    """What one tool may use: seconds of time, megabytes of address space and of output."""

    seconds: float = 120
    memory: int = 3000
    output: int = 64


@dataclass(frozen=True, slots=True)
class Result:
    """How a tool's run ended, and what it found."""

    status: ToolStatus
    findings: tuple[Finding, ...] = ()


def whole(name: str, read: Callable[[], Result], version: str = "") -> Result:
    """What `read` makes of the output of the tool `name`; an error where that ends early or is of another shape."""
    try:
        return read()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        why = f"its output is not whole, or of another shape ({type(error).__name__})"
        return Result(ToolStatus.failed(name, why, version=version))


class Adapter(Protocol):
    """One scanner. `name` is what reports, `--only` and `--optional` call it."""

    @property
    def name(self) -> str:
        """Lower case, unique."""

    def run(self, project: Project, limits: Limits) -> Result:
        """Look at the project. Blocking; called from a thread."""
