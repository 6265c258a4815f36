"""What a scanner of a running application has to have before it starts: its program, and operations that it may try."""

from __future__ import annotations

from pathlib import Path

from ..findings.report import ToolStatus
from .adapter import Result
from .external import unusable
from .live import Live
from .toolbox import TOOLS
from .zap_plan import operations


def ready(name: str, program: Path | None, live: Live) -> Result | tuple[str, int]:
    """The OpenAPI document of what may be tried and how many operations that is, or the result that ends the run here.

    `program`: another than the installed one, for tests.
    """
    if (gone := unusable(TOOLS[name], program, may_be_missing=True)) is not None:
        return gone
    try:
        return operations(live)
    except (OSError, ValueError) as error:
        return Result(ToolStatus.failed(name, f"{live.schema}: {error or type(error).__name__}"))
