"""`garrison edge systemd --check`: what systemd itself says of the unit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..findings.record import Finding
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .probe import found

MOST: Final = 2.0
"""The exposure that is accepted, on systemd's scale from 0 to 10."""
_SECONDS: Final = 60
_LEVEL: Final = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")


def check_unit(text: str) -> tuple[list[Finding], ToolStatus]:
    """What `systemd-analyze security` finds in the unit; skipped where there is no systemd that can look offline."""
    run = shutil.which("systemd-analyze")
    if run is None:
        return [], ToolStatus.skipped("systemd", "systemd-analyze is not installed on this machine")
    with TemporaryDirectory(prefix="garrison-edge-") as name:
        path = Path(name) / "garrison-trial.service"
        path.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603  the operator's own systemd
                [run, "security", "--offline=true", "--no-pager", str(path)],
                capture_output=True, text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return [], ToolStatus.failed("systemd", f"systemd-analyze could not be run: {error}")
    level = _LEVEL.search(done.stdout)
    if level is None or "Unknown key" in done.stderr or "Failed to parse" in done.stderr:
        return [], ToolStatus.failed("systemd", done.stderr.strip()[-500:] or "it gave no exposure level")
    status = ToolStatus.ran("systemd", f"{run} security: exposure {level[1]}, {MOST} accepted")
    return ([_exposed(level[1])] if float(level[1]) > MOST else []), status


def _exposed(level: str) -> Finding:
    return found(
        "systemd", "E010", "The unit is more exposed than it should be", Severity.MEDIUM,
        f"systemd's exposure level is {level}, more than {MOST}.", "An application that is taken over can do more.",
    )  # fmt: skip
