"""``Finding``: the one record for something wrong, whoever found it.

A frozen dataclass and not a pydantic model: thousands are made in a scan, they are made by our own code and
never parsed from outside, and a keyword-only constructor that type checkers understand is all that is
needed.

Assumption: ``evidence`` and ``snippet`` hold no secret; who makes the finding masks them first. ``snippet``
is only hashed into the fingerprint, but the hash of a short secret can be guessed, so it is masked too.
Let pass: any text in the prose fields. Making it harmless is each writer's duty, for each writer knows its
own format.
"""

import os.path
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .fingerprint import fingerprint
from .severity import Confidence, Severity

_ID = re.compile(r"[A-Za-z0-9@][A-Za-z0-9._:/@+-]{0,199}")
_ROOTED = re.compile(r"/|[A-Za-z]:[\\/]|[A-Za-z][A-Za-z0-9+.-]*://|\\\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where: a file relative to the project's root, a key, or both.

    ``path``: relative, with ``/``; absolute paths, ``..`` and URLs raise ``ValueError``, since reports
    leave the machine.
    ``line``, ``column``: counted from 1, the column in Unicode code points.
    ``key``: what is meant inside: a policy key (``cors.origins``), a route (``POST /login``), a package
    (``jinja2``).
    """

    path: str = ""
    line: int | None = None
    column: int | None = None
    key: str = ""

    def __post_init__(self) -> None:
        if not self.path and not self.key:
            raise ValueError("a location needs a path or a key")
        if self.path:
            object.__setattr__(self, "path", _relative(self.path))
        for name, number in (("line", self.line), ("column", self.column)):
            if number is not None and number < 1:
                raise ValueError(f"{name} is counted from 1, not {number}")
        if self.line is not None and not self.path:
            raise ValueError("a line needs a path")
        if self.column is not None and self.line is None:
            raise ValueError("a column needs a line")

    @classmethod
    def within(
        cls, root: Path, path: Path, *, line: int | None = None, column: int | None = None, key: str = ""
    ) -> "Location":
        """A location from a real path. A file outside ``root`` keeps its name only: a report shows no
        foreign folders."""
        full, base = Path(os.path.normpath(path.absolute())), Path(os.path.normpath(root.absolute()))
        name = full.relative_to(base).as_posix() if full.is_relative_to(base) else full.name
        # The "./" lets through names that only look rooted, such as "C:\x": one odd file must not end a scan.
        return cls(path=f"./{name}", line=line, column=column, key=key)

    def __str__(self) -> str:
        """``path:line:column`` and the key, for people. Not escaped for anything."""
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part)
        return " · ".join(part for part in (place, self.key) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, why it matters and what to do.

    ``id``: the stable id of the check or rule (``P001``, ``B105``), letters, digits and ``._:/@+-``.
    ``title``: the rule in a few words, the same for each of its findings.
    ``message``: what is wrong here. ``consequence``: what an attacker gets. ``remedy``: what to change. The
    last two may be empty only when a foreign tool does not say.
    ``reference``: a URL or a section of a standard (``RFC 6265 section 4.1.2.5``).
    ``source``: the tool or command that found it (``check``, ``bandit``).
    ``cwe``: numbers (``79``). ``owasp``: ids with their year (``A05:2021``).
    ``evidence``: what was seen, secrets already masked.
    ``snippet``: the piece of code or value that the fingerprint holds on to; never written out.
    ``occurrence``: which of several like findings this is, from 0; ``Report`` counts it.
    ``asvs``: requirements of OWASP ASVS 5.0 (``V1.2.4``). ``voices``: others that say the same
    (``bandit:B608``). ``context``: what of the project made it better or worse (``reached by pay (shop.py)``).

    Raises ``ValueError`` for a malformed id, an empty title or message, a CWE number below 1.
    """

    id: str
    title: str
    severity: Severity
    message: str
    consequence: str
    remedy: str
    reference: str = ""
    location: Location | None = None
    source: str = "check"
    cwe: tuple[int, ...] = ()
    owasp: tuple[str, ...] = ()
    confidence: Confidence = Confidence.HIGH
    evidence: str = ""
    snippet: str = ""
    occurrence: int = 0
    asvs: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"finding id {self.id!r}: letters, digits and ._:/@+- only, at most 200")
        if not self.title.strip() or not self.message.strip():
            raise ValueError(f"finding {self.id}: title and message must say something")
        if not self.source.strip():
            raise ValueError(f"finding {self.id}: source must name the tool")
        if any(number < 1 for number in self.cwe):
            raise ValueError(f"finding {self.id}: CWE numbers start at 1")

    @property
    def anchor(self) -> str:
        """What the fingerprint holds on to besides rule and file: the snippet, else the key, else
        nothing."""
        return self.snippet or (self.location.key if self.location else "")

    @property
    def fingerprint(self) -> str:
        """32 hex digits that stay the same when the finding moves to another line, and when its wording
        changes."""
        path = self.location.path if self.location else ""
        return fingerprint(self.id, path, self.anchor, self.occurrence)


def _relative(path: str) -> str:
    """The path in its plain form (no ``./``, no doubled ``/``); ``ValueError`` when it could point outside
    the root."""
    if _ROOTED.match(path):
        raise ValueError(f"path {path!r} must be relative to the project's root")
    plain = PurePosixPath(path)
    if ".." in plain.parts:
        raise ValueError(f"path {path!r} must not climb out with '..'")
    return plain.as_posix()
