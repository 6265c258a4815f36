"""The rules of the built-in code scan, by name. What each says stands in `holes_flow`, `holes_calls`, `holes_crypto`
and `holes_files`."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence
from . import holes_calls as calls
from . import holes_crypto as crypto
from . import holes_files as files
from . import holes_flow as flow
from .guidelines import guideline_of
from .routes_catalogue import Text
from .taxonomy import asvs, owasp

TOOL: Final = "code"


class Hole(Enum):
    """All rules. G1xx follow what a client sends, G2xx look at calls, G3xx at other files."""

    SQL = flow.SQL
    COMMAND = flow.COMMAND
    CODE = flow.CODE
    TEMPLATE = flow.TEMPLATE
    HTML = flow.HTML
    FILE = flow.FILE
    FETCH = flow.FETCH
    REDIRECT = flow.REDIRECT
    LDAP = flow.LDAP
    XPATH = flow.XPATH
    REGEX = flow.REGEX
    HEADER = flow.HEADER
    LOG_LINE = flow.LOG_LINE
    IMPORT = flow.IMPORT
    DESERIALISE = flow.DESERIALISE
    MASS = flow.MASS
    NOSQL = flow.NOSQL
    TRUSTED_HEADER = flow.TRUSTED_HEADER
    UPLOAD_NAME = flow.UPLOAD_NAME

    LOADS = calls.LOADS
    SHELL = calls.SHELL
    EVAL = calls.EVAL
    FETCHED_CODE = calls.FETCHED_CODE
    UNPACK = calls.UNPACK
    MODE = calls.MODE
    CORS = calls.CORS
    DEBUG = calls.DEBUG
    COOKIE = calls.COOKIE
    XML = calls.XML
    WEAK_HASH = crypto.WEAK_HASH
    FAST_HASH = crypto.FAST_HASH
    CIPHER = crypto.CIPHER
    NONCE = crypto.NONCE
    RANDOM = crypto.RANDOM
    TLS = crypto.TLS
    KEY_SIZE = crypto.KEY_SIZE
    PLAIN = crypto.PLAIN
    JWT_CHECK = crypto.JWT_CHECK
    JWT_END = crypto.JWT_END
    SECRET = crypto.SECRET
    TIMING = crypto.TIMING
    AUTOESCAPE = calls.AUTOESCAPE
    LOGGED = crypto.LOGGED
    SWALLOWED = calls.SWALLOWED
    FAIL_OPEN = calls.FAIL_OPEN
    TRACE = calls.TRACE
    ASSERT = calls.ASSERT
    TEMPORARY = calls.TEMPORARY

    INDEX = files.INDEX
    PIPED = files.PIPED
    ROOT = files.ROOT

    @property
    def id(self) -> str:
        """The stable id: `G101`."""
        text: Text = self.value
        return text.id

    def found(self, message: str, location: Location, *, confidence: Confidence = Confidence.HIGH) -> Finding:
        """One finding of this rule."""
        text: Text = self.value
        return Finding(
            id=text.id, title=text.title, severity=text.severity, message=message, consequence=text.consequence,
            remedy=text.remedy, reference=guideline_of(text.id), location=location, source=TOOL, cwe=text.cwe,
            owasp=owasp(text.cwe), asvs=asvs(text.cwe), confidence=confidence,
        )  # fmt: skip
