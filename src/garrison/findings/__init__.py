"""One record for what is wrong, one report of what was looked at, and a writer for each reader.

``check``, ``routes``, ``scan`` and ``attack`` make ``Finding`` and ``ToolStatus`` values, put them in a
``Report``, and leave the rest to ``write(report, Format.SARIF)`` and ``exit_code(report)``.
"""

from garrison.findings.formats import Format, write
from garrison.findings.record import Finding, Location
from garrison.findings.report import Outcome, Report, ToolStatus, exit_code
from garrison.findings.severity import Confidence, Level, Severity

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
