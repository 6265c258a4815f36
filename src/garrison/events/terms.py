"""The words that describe an event besides its name: how grave, about what, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much attention an event deserves. `syslog` is its number in RFC 5424, section 6.2.1 (lower is graver)."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFO = "info"

    @property
    def syslog(self) -> int:
        return _SYSLOG[self.value]


_SYSLOG = {"critical": 2, "error": 3, "warning": 4, "notice": 5, "info": 6}


class Category(StrEnum):
    """What an event is about."""

    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    CRYPTOGRAPHY = "cryptography"
    SESSION = "session"
    ACCOUNT = "account"
    REQUEST = "request"
    CROSS_SITE = "cross-site"
    INPUT = "input"
    UPLOAD = "upload"
    EXCESS = "excess"
    ATTACK = "attack"
    DATA = "data"
    SYSTEM = "system"


class Outcome(StrEnum):
    """How it ended. WOULD_REFUSE: a layer in monitor mode would have refused what went on."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"
    WOULD_REFUSE = "would-refuse"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of the vocabulary.

    `sentence` says what happened. `owasp` tells that the name is from the OWASP Logging Vocabulary. `relevant` events
    never give way to others; when even they do not fit, that is counted apart.
    """

    name: str
    severity: Severity
    category: Category
    outcome: Outcome
    sentence: str
    owasp: bool = False
    relevant: bool = True
