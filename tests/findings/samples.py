"""Findings, reports and hostile texts that the tests of this room share."""

from datetime import date

from hypothesis import strategies as st

from garrison.findings import Finding, Location, Report, Severity, ToolStatus

SCRIPT = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
HOSTILE = (
    SCRIPT,
    "]]><x/>",
    "a | b | c",
    "`code` ``` fence",
    "one\ntwo\r\nthree\rfour\u2028five",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "\u202etxt.exe\u202c \u2066x\u2069",
    "zero\u200bwidth\ufeff\u00ad\U000e0041",
    "[link](javascript:alert(1)) ![pixel](https://tracker.example/x.png)",
    "https://evil.example www.evil.example @team #12 owner/repo#3",
    "[bold red]markup[/] [link=https://evil.example]x[/link]",
    "{0} {1:x} {{2}}",
    '" onmouseover="x" \' &amp; &lt;',
    "\x00\x08\x7f\x85\ufffe\uffff\ud800",
    "# head\n- item\n> quote\n    code\n---\n| a |",
    "\nFix  run this instead\n\n CRITICAL   P999  forged",
)

_CHARACTERS = st.characters(exclude_categories=())  # with lone surrogates, controls and unassigned ones
TEXTS = st.lists(st.sampled_from(HOSTILE) | st.text(_CHARACTERS, max_size=30), max_size=3).map(" ".join)


def finding(**changes: object) -> Finding:
    """A harmless finding, with these fields instead."""
    fields: dict[str, object] = {
        "id": "P001",
        "title": "Any origin may send credentials",
        "severity": Severity.HIGH,
        "message": "cors.origins is a star",
        "consequence": "Other sites read the user's data.",
        "remedy": "List the origins.",
        "reference": "https://fetch.spec.whatwg.org/#cors-protocol-and-credentials",
        "location": Location(path="garrison.toml", line=12, key="cors.origins"),
        "cwe": (942,),
        "owasp": ("A05:2021",),
        **changes,
    }
    return Finding(**fields)  # type: ignore[arg-type]


def hostile(text: str) -> Finding:
    """A finding that holds the text wherever text is allowed."""
    said = f"x{text}x"
    return finding(
        title=said,
        message=said,
        consequence=said,
        remedy=said,
        reference=said,
        evidence=said,
        owasp=(said,),
        location=Location(path=f"./x{text.replace('..', '')}x", line=3, key=said),
    )


def hostile_report(text: str) -> Report:
    """A report whose findings and statuses hold the text wherever text is allowed."""
    said = f"x{text}x"
    statuses = (ToolStatus.ran("check", said), ToolStatus.failed(f"tool {said}", said, required=False))
    return report(hostile(text), statuses=statuses)


def report(*findings: Finding, statuses: tuple[ToolStatus, ...] | None = None) -> Report:
    """A report of ``check``, which ran over one file unless the statuses say otherwise."""
    ran = (ToolStatus.ran("check", "garrison.toml", "48 checks"),)
    return Report(command="check", version="0.1.0", findings=findings, statuses=ran if statuses is None else statuses)


def full_report() -> Report:
    """One finding of each severity from two tools, and one status of each outcome."""
    ours = tuple(
        finding(id=f"P00{number}", severity=severity, location=Location(path="garrison.toml", line=number + 1))
        for number, severity in enumerate(Severity)
    )
    theirs = finding(id="P001", source="bandit", title="Another rule of that id", consequence="", location=None)
    statuses = (
        ToolStatus.ran("check", "garrison.toml", "48 checks"),
        ToolStatus.ran("bandit", "212 files", version="1.8"),
        ToolStatus.skipped("semgrep", "not installed", required=False),
        ToolStatus.failed("gitleaks", "exit status 2"),
        ToolStatus.incomplete("ruff", "3 files could not be read", "209 files"),
        ToolStatus.stale("pip-audit", date(2025, 1, 3), "61 packages"),
    )
    return report(*ours, theirs, statuses=statuses)
