"""Compose files and systemd units of the project, by checks of our own: nothing to install, nothing is run.

Each of the two is a scanner. A file that can't be read is named. Bounded by what a project's files are, 512 KB
each, and by the time limit, looked at between two files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from ..findings.record import Finding
from ..findings.report import ToolStatus
from .adapter import Limits, Result
from .compose import examine_compose, is_compose
from .lined_yaml import NoYaml
from .project import Project, is_test
from .source_files import read
from .units import examine_unit, is_unit


@dataclass(frozen=True, slots=True)
class DeployScan:
    """An adapter: which files, and what is wrong in one."""

    name: str
    about: str
    takes: Callable[[str], bool]
    examine: Callable[[str, str], list[Finding]]

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        chosen = [one for one in project.texts if self.takes(one) and not is_test(one)]
        found: list[Finding] = []
        unread = [f"{one} (too large)" for one in project.left_out if self.takes(one)]
        if not chosen and not unread:
            return Result(ToolStatus.skipped(self.name, f"no {self.about} in the project", required=False))
        ends = monotonic() + limits.seconds
        for number, path in enumerate(chosen):
            if monotonic() > ends:
                unread.append(f"{len(chosen) - number} files (stopped after {limits.seconds:g} s)")
                break
            try:
                found += self.examine(path, read(project.root / path))
            except NoYaml as error:
                return Result(ToolStatus.skipped(self.name, f"not installed: {error.remedy}"))
            except (OSError, SyntaxError, ValueError, RecursionError) as error:
                unread.append(f"{path} ({type(error).__name__})")
        examined = f"{len(chosen)} file{'' if len(chosen) == 1 else 's'}"
        status = ToolStatus.ran(self.name, examined)
        if unread:
            status = ToolStatus.incomplete(self.name, f"could not read {', '.join(unread[:5])}", examined)
        return Result(status, tuple(found))


def compose() -> DeployScan:
    """The adapter of Compose files."""
    return DeployScan("compose", "Compose file", is_compose, examine_compose)


def units() -> DeployScan:
    """The adapter of systemd units."""
    return DeployScan("units", "systemd unit", is_unit, examine_unit)
