"""The report as JUnit XML, which CI systems show beside test results.

A suite per tool. A finding is a failed test case (an info-level one passes and says so in its output); a
required tool that did not fully run is an ``error``, an optional one ``skipped``; a tool that ran and found
nothing is one passed case.

Threat: text that ends its element, or characters that XML 1.0 (section 2.2) forbids even escaped, which
make a CI system drop the whole file, findings included. Markup is escaped by the XML library, forbidden
characters are spelled out.
Assumption: readers follow the common subset (testsuites, testsuite, testcase, failure, error, skipped,
system-out).
"""

from xml.etree import ElementTree as ET

from .inert import lines, one_line
from .record import Finding
from .report import Report, ToolStatus
from .severity import Severity


def write(report: Report) -> str:
    """The whole report as one XML document, ending in a line feed."""
    root = ET.Element("testsuites", name=one_line(f"{report.tool} {report.command}"))
    root.extend(_suite(report, status) for status in report.statuses)
    for attribute in ("tests", "failures", "errors", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(report: Report, status: ToolStatus) -> ET.Element:
    suite = ET.Element("testsuite", name=one_line(status.tool))
    cases = [_case(finding) for finding in report.findings if finding.source == status.tool]
    if not cases or not status.outcome.full:
        cases.append(_outcome(status))
    suite.extend(cases)
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", "0")
    return suite


def _case(finding: Finding) -> ET.Element:
    case = ET.Element("testcase", name=one_line(_name(finding)), classname=one_line(finding.source))
    if finding.location and finding.location.path:
        case.set("file", one_line(finding.location.path))
        if finding.location.line:
            case.set("line", str(finding.location.line))
    if finding.severity is Severity.INFO:
        ET.SubElement(case, "system-out").text = lines(_text(finding))
    else:
        failure = ET.SubElement(case, "failure", type=finding.severity.value, message=one_line(finding.message))
        failure.text = lines(_text(finding))
    return case


def _name(finding: Finding) -> str:
    """Rule and place without the line: a CI system follows a test case by its name."""
    where = finding.location
    place = " · ".join(part for part in (where.path, where.key) if part) if where else ""
    number = f"#{finding.occurrence + 1}" if finding.occurrence else ""
    return " ".join(part for part in (finding.id, finding.title, place, number) if part)


def _text(finding: Finding) -> str:
    parts = [
        finding.message,
        finding.consequence and f"Consequence: {finding.consequence}",
        finding.remedy and f"Remedy: {finding.remedy}",
        finding.reference and f"Reference: {finding.reference}",
        finding.evidence and f"Evidence: {finding.evidence}",
        f"Fingerprint: {finding.fingerprint}",
    ]
    # Further lines of a text are indented, so that none can pass for one of the labels.
    return "\n".join(part.replace("\n", "\n    ") for part in parts if part)


def _outcome(status: ToolStatus) -> ET.Element:
    case = ET.Element("testcase", name=f"{one_line(status.tool)} ran", classname=one_line(status.tool))
    if not status.outcome.full:
        tag = "error" if status.required else "skipped"
        ET.SubElement(case, tag, type=status.outcome.value, message=one_line(status.detail))
    elif status.examined:
        ET.SubElement(case, "system-out").text = one_line("looked at " + ", ".join(status.examined))
    return case
