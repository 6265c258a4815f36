"""How bad a finding is, how sure its author is, and what other programs call that.

Assumption: severity is judged by who writes the check, once, for the default situation; a gate compares it
with a threshold. Let pass: nothing is computed from CVSS vectors here; a scanner that knows one picks the
severity itself.
"""

from enum import StrEnum


class Level(StrEnum):
    """SARIF 2.1.0 result levels (section 3.27.10). ``ERROR`` is what stops a production start."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Severity(StrEnum):
    """Five steps, worst first. They compare by how bad they are, never by their letters.

    ``Severity.HIGH > Severity.LOW`` and ``Severity.HIGH >= "medium"`` hold. Comparing with a word that is
    no severity raises ``ValueError``: a mistyped threshold must not compare as something.
    """

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return _RANK[self.value]

    @property
    def level(self) -> Level:
        """The SARIF level: critical and high are errors, medium and low warnings, info a note."""
        return _LEVEL[self.value]

    @property
    def score(self) -> float:
        """A number in the CVSS v3.1 band of the same name (FIRST, section 5); 0.0 for info."""
        return _SCORE[self.value]

    # Without these four, StrEnum compares alphabetically and "critical" < "low" would be true by accident.
    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


class Confidence(StrEnum):
    """How likely it is that the finding is real: ``HIGH`` when it was proven or read from configuration."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


_RANK = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}
_LEVEL = {
    "critical": Level.ERROR,
    "high": Level.ERROR,
    "medium": Level.WARNING,
    "low": Level.WARNING,
    "info": Level.NOTE,
}
_SCORE = {"critical": 9.5, "high": 8.0, "medium": 5.5, "low": 2.5, "info": 0.0}
