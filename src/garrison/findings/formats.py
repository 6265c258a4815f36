"""Which formats a report can be written in, and which writer does it.

Each format ``name`` is written by ``as_name.write``. A writer is imported when it is first used: an application that
starts with Garrison needs findings for its start-up checks, but neither rich nor six writers.
"""

from enum import StrEnum
from importlib import import_module

from .report import Report


class Format(StrEnum):
    """What ``--format`` takes: ``gitlab`` is its SAST report, ``codequality`` its other one, ``github`` annotations."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    HTML = "html"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    CODEQUALITY = "codequality"
    GITLAB = "gitlab"
    GITHUB = "github"


def write(report: Report, format: Format) -> str:
    """The report in that format. For a terminal with colour use ``as_text.render`` with a console."""
    written: str = import_module(f"garrison.findings.as_{Format(format).value}").write(report)
    return written
