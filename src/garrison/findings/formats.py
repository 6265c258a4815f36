"""Which formats a report can be written in, and which writer does it: the whole list on one screen."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from garrison.findings import as_html, as_json, as_junit, as_markdown, as_sarif, as_text
from garrison.findings.report import Report


class Format(StrEnum):
    """What ``--format`` takes."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    HTML = "html"
    JUNIT = "junit"
    MARKDOWN = "markdown"


WRITERS: Mapping[Format, Callable[[Report], str]] = MappingProxyType(
    {
        Format.TEXT: as_text.write,
        Format.JSON: as_json.write,
        Format.SARIF: as_sarif.write,
        Format.HTML: as_html.write,
        Format.JUNIT: as_junit.write,
        Format.MARKDOWN: as_markdown.write,
    }
)


def write(report: Report, format: Format) -> str:
    """The report in that format. For a terminal with colour use ``as_text.render`` with a console."""
    return WRITERS[format](report)
