"""One record for what is wrong, one report of what was looked at, and a writer for each reader.

``check``, ``routes``, ``scan`` and ``attack`` make ``Finding`` and ``ToolStatus`` values, put them in a
``Report``, and leave the rest to ``write(report, Format.SARIF)`` and ``exit_code(report)``.
"""

from .formats import Format, write
from .record import Finding, Location
from .report import Outcome, Report, ToolStatus, exit_code
from .severity import Confidence, Level, Severity

__all__ = [
    "Confidence",
    "Finding",
    "Format",
    "Level",
    "Location",
    "Outcome",
    "Report",
    "Severity",
    "ToolStatus",
    "exit_code",
    "write",
]
