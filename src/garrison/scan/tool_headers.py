"""The headers of a running application: what its first page says to browsers (Helmet's list, OWASP Secure Headers).

Three requests: one plain, one with another site's Origin, one for a page that is not there. Lets pass: pages with
headers of their own that are not asked for (`--schema` and `routes` know them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Limits, Result
from .live import Answer, Live, ask
from .project import Project
from .taxonomy import asvs, owasp

_NAME: Final = "headers"
_OTHER: Final = "https://another-site.invalid"
_LOW, _MEDIUM, _HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH
Said = tuple[str, Severity, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Headers:
    """The adapter."""

    live: Live
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        credential = [(self.live.header, self.live.secret)] if self.live.secret else []
        try:
            plain = ask(self.live, "/", credential)
            crossed = ask(self.live, "/", [*credential, ("Origin", _OTHER)])
            missing = ask(self.live, "/garrison-scan-not-there", credential)
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "reason", "") or type(error).__name__)[:200]
            return Result(ToolStatus.failed(_NAME, f"{self.live.shown} does not answer: {reason}"))
        said = {one[0]: one for answer in (missing, plain) for one in judge(answer, self.live)}
        said |= {one[0]: one for one in _cors(crossed)}
        found = tuple(_finding(one, self.live) for one in said.values())
        return Result(ToolStatus.ran(_NAME, f"3 answers of {self.live.shown}"), found)


def judge(answer: Answer, target: Live) -> Iterator[Said]:
    """What is wrong with the headers of one answer."""
    for rule in _RULES:
        yield from rule(answer, target)


def _csp(answer: Answer, target: Live) -> Iterator[Said]:
    policies = answer.all("content-security-policy")
    if not policies:
        yield ("H001", _MEDIUM, "No Content-Security-Policy", "Script that gets into a page runs.",
               "Send one: harden(app) does.", 1021)  # fmt: skip
    elif all(re.search(r"(?:script-src|default-src)[^;]*(?:'unsafe-eval'|\s\*|\shttps?:(?:\s|;|$))", one) or
             ("default-src" not in one and "script-src" not in one) for one in policies):  # fmt: skip
        yield ("H002", _LOW, "Content-Security-Policy that allows script from anywhere", "It holds back no script.",
               "default-src 'none', and a nonce for script.", 1021)  # fmt: skip
    framed = any("frame-ancestors" in one for one in policies)
    if not framed and not answer.all("x-frame-options"):
        yield ("H003", _MEDIUM, "May be framed by any site", "Clicks are stolen from the visitor.",
               "frame-ancestors 'none'.", 1021)  # fmt: skip


def _transport(answer: Answer, target: Live) -> Iterator[Said]:
    value = " ".join(answer.all("strict-transport-security"))
    age = re.search(r"max-age=\"?(\d+)", value)
    if urlsplit(target.url).scheme == "https" and not target.is_loopback and (not age or int(age[1]) < 15_552_000):
        yield ("H004", _MEDIUM, "No (long) Strict-Transport-Security", "The first request can be taken over http.",
               "max-age of two years.", 319)  # fmt: skip


def _rest(answer: Answer, target: Live) -> Iterator[Said]:
    if "nosniff" not in " ".join(answer.all("x-content-type-options")).lower():
        yield ("H005", _LOW, "No X-Content-Type-Options: nosniff", "Browsers take files for script.",
               "nosniff on every answer.", 430)  # fmt: skip
    if not answer.all("referrer-policy"):
        yield ("H006", _LOW, "No Referrer-Policy", "Addresses of pages, and what is in them, go to other sites.",
               "no-referrer, or strict-origin-when-cross-origin.", 200)  # fmt: skip
    if re.search(r"\d+\.\d+", " ".join([*answer.all("server"), *answer.all("x-powered-by")])):
        yield ("H007", _LOW, "Names its server and version", "Whoever looks for an old version finds this one.",
               "Send no Server and no X-Powered-By.", 200)  # fmt: skip
    if re.search(rb"Traceback \(most recent call last\)|werkzeug\.debug", answer.body):
        yield ("H008", _HIGH, "Traceback in an answer", "Paths, versions and data help the next attack.",
               "Turn debug off.", 209)  # fmt: skip


def _cookies(answer: Answer, target: Live) -> Iterator[Said]:
    for cookie in answer.all("set-cookie"):
        name = cookie.partition("=")[0].strip()
        words = {part.strip().lower().partition("=")[0] for part in cookie.split(";")[1:]}
        missing = [word for word in ("secure", "httponly", "samesite") if word not in words]
        if "csrf" in name.lower() and missing == ["httponly"]:
            continue  # scripts have to read it
        if missing:
            yield ("H009", _MEDIUM, f"Cookie {name[:40]} without {', '.join(missing)}", "Network or script reads it.",
                   "Secure, HttpOnly, SameSite=Lax; harden(app) adds them.", 614)  # fmt: skip
            return


def _cors(answer: Answer) -> Iterator[Said]:
    allowed = answer.all("access-control-allow-origin")
    open_ = "true" in " ".join(answer.all("access-control-allow-credentials")).lower()
    if _OTHER in allowed:
        severity = _HIGH if open_ else _MEDIUM
        yield ("H010", severity, "CORS reflects any origin" + (" with credentials" if open_ else ""),
               "Any site reads what the visitor sees." if open_ else "Any site reads what it can ask for.",
               "List the origins.", 942)  # fmt: skip


_RULES: Final[tuple[Callable[[Answer, Live], Iterator[Said]], ...]] = (_csp, _transport, _rest, _cookies)


def _finding(said: Said, target: Live) -> Finding:
    rule, severity, title, consequence, remedy, cwe = said
    return Finding(
        id=rule, title=title, severity=severity, message=f"{title}.", consequence=consequence, remedy=remedy,
        reference="docs/scan-live.md", location=Location(key=target.shown), source=_NAME, cwe=(cwe,),
        owasp=owasp((cwe,)), asvs=asvs((cwe,)),
    )  # fmt: skip
