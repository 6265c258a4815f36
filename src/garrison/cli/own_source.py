"""The application's own source under `garrison check --app`: secrets that are compared with `==`.

What counts as own stands in `scan.source_files`; what the search itself lets pass, in `accounts.compare`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..accounts.compare import NaiveComparison, find_naive_comparisons
from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from ..scan.source_files import read_all

_TOOL: Final = "source"


def examine_source(reference: str) -> tuple[list[Finding], ToolStatus]:
    """What the loaded application `reference` (module:attribute) has in its source, and how far it was read."""
    return read_all(_TOOL, reference, _in_file)


def _in_file(path: Path, text: str) -> Iterator[Finding]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # the application's own matter
        return (_finding(path, one) for one in find_naive_comparisons(text))


def _finding(path: Path, found: NaiveComparison) -> Finding:
    return Finding(
        id="A001",
        title="Secret compared with ==",
        severity=Severity.MEDIUM,
        message=f"{found.name!r} is compared with ==, != or in.",
        consequence="The time it takes tells how much of a guess is right, so a secret can be guessed piece by piece.",
        remedy="Compare with garrison.accounts.same(a, b), or hmac.compare_digest.",
        reference="CWE-208; docs/accounts/authorisation.md",
        location=Location.within(Path(), path, line=found.line),
        source=_TOOL,
        cwe=(208,),
        confidence=Confidence.MEDIUM,
        # Not the line: it may hold the secret itself, and the hash of a short one can be guessed.
        snippet=found.name,
    )
