"""What a reviewer should look at in a change: topics, and the questions that belong to them (V0xx)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .taxonomy import asvs, owasp

TOOL = "review"
_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO


@dataclass(frozen=True, slots=True)
class Question:
    """A topic of the checklist: what it is called, how much it weighs unless told, and what to ask."""

    id: str
    title: str
    severity: Severity
    ask: str
    cwe: tuple[int, ...] = ()


class Topic(Enum):
    """All topics, in the order of the checklist."""

    UNPROTECTED = Question(
        "V001", "New endpoint without protection in sight", _MEDIUM,
        "Who may call it? Name the dependency that decides, or say why everybody may.", (306,),
    )  # fmt: skip
    ENDPOINT = Question("V002", "New endpoint", _INFO, "Is this the right protection, and is it tested from outside?")
    LOST = Question("V003", "Protection taken from an endpoint", _HIGH, "Who decides now, and where?", (862,))
    HOLE = Question("V004", "New finding of the code scan", _MEDIUM, "Mend it before anything else.")
    SINK = Question("V005", "New dangerous call", _LOW, "Can anything that a client sent arrive here?")
    LOOSENED = Question("V006", "Policy loosened", _HIGH, "Which attack does this allow, and who agreed?", (1188,))
    POLICY = Question("V007", "Policy changed", _INFO, "Does `garrison check` say the same as before?")
    PACKAGE = Question("V008", "New dependency", _LOW, "Who keeps it, how old is it, and is it needed?", (1357,))
    VERSION = Question("V009", "Dependency changed", _INFO, "Has somebody read what changed in it?", (1357,))
    WEAKER = Question("V010", "Dependency less safe than before", _MEDIUM, "Why back, or why without a hash?", (1357,))
    RIGHTS = Question("V011", "Permissions changed", _MEDIUM, "Is this the least that does the job?", (732,))
    SECRET = Question("V012", "Secret in the change", _HIGH, "Take it out of the history, and change it now.", (798,))
    CRYPTO = Question("V013", "Cryptography touched", _LOW, "Is there a library that does the whole of it?", (327,))
    UNTESTED = Question(
        "V014", "Defence changed without a test", _MEDIUM, "Which attack shows that it still holds?", (1053,)
    )
    UNSEEN = Question("V015", "Not looked at", _LOW, "Look at it yourself: it is no text, or too large.")

    def found(
        self, message: str, path: str, line: int = 1, *, severity: Severity | None = None, key: str = "", mark: str = ""
    ) -> Finding:
        """The topic at one place of the change."""
        ask = self.value
        return Finding(
            id=ask.id, title=ask.title, severity=severity or ask.severity, confidence=Confidence.MEDIUM,
            message=message, consequence="", remedy=ask.ask, reference="docs/scan-review.md",
            location=Location(path=f"./{path}", line=line, key=key), source=TOOL, cwe=ask.cwe, owasp=owasp(ask.cwe),
            asvs=asvs(ask.cwe), snippet=mark or message,
        )  # fmt: skip
