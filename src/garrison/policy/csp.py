"""Content-Security-Policy as configuration: is a mapping of directives well-formed, and what does it leave open?

Threat: a policy that looks strict and is not. `self` without quotes is a host name, a misspelt directive is ignored,
and a semicolon inside a value starts a directive of somebody else's choosing.
Assumption: one mapping entry is one directive, one string is one source expression (CSP Level 3, section 2.3).
Lets pass: well-formed but weak policies; `weaknesses` names what is weak, and the policy checks show it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from ..core.errors import OperatorError

Directives: TypeAlias = Mapping[str, Sequence[str]]

NONCE: Final = "'nonce'"
"""Stands in a policy for the nonce of the answer."""

_FETCH: Final = """
    default-src script-src script-src-elem script-src-attr style-src style-src-elem style-src-attr img-src font-src
    connect-src media-src manifest-src worker-src child-src frame-src fenced-frame-src object-src
"""
_SOURCE_LISTS: Final = frozenset(_FETCH.split()) | {"base-uri", "form-action", "frame-ancestors"}
_OTHER: Final = frozenset(
    {
        "sandbox",
        "require-trusted-types-for",
        "trusted-types",
        "upgrade-insecure-requests",
        "webrtc",
        "report-to",
        "report-uri",
    }
)
DIRECTIVES: Final = _SOURCE_LISTS | _OTHER
"""Directives of CSP Level 3, Trusted Types, Upgrade Insecure Requests, Fenced Frames and WebRTC."""

_NONCE_DIRECTIVES: Final = frozenset({"default-src", "script-src", "script-src-elem", "style-src", "style-src-elem"})
_KEYWORD_LIST: Final = """
    self none unsafe-inline unsafe-eval unsafe-hashes strict-dynamic report-sample wasm-unsafe-eval
    inline-speculation-rules trusted-types-eval report-sha256 report-sha384 report-sha512
"""
_KEYWORDS: Final = frozenset(_KEYWORD_LIST.split())
_QUOTED_ELSEWHERE: Final[Mapping[str, frozenset[str]]] = {
    "require-trusted-types-for": frozenset({"script"}),
    "trusted-types": frozenset({"none", "allow-duplicates"}),
    "webrtc": frozenset({"allow", "block"}),
}
_VALUELESS: Final = frozenset({"upgrade-insecure-requests"})

_INERT = re.compile(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]+")
"""Visible ASCII without comma and semicolon, which separate policies and directives (CSP3, section 2.2.1)."""
_HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?"
    r"(?:\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)"
    r"(?::(?:\d{1,5}|\*))?"
    r"(?:/[A-Za-z0-9\-._~!$&'()*+=:@%/]*)?"
)
_NAME = re.compile(r"[A-Za-z0-9\-#=_/@.%*]+")
_BARE_SECRET = re.compile(r"(?:nonce|sha256|sha384|sha512)-", re.IGNORECASE)


class BadDirective(OperatorError):
    """A directive or one of its values is not what the standard knows."""

    def __init__(self, directive: str, problem: str, remedy: str) -> None:
        super().__init__(
            f"csp.directives: {directive!r} {problem}.", remedy=remedy, reference="CSP Level 3, section 2.3"
        )
        self.directive = directive


def check_directives(directives: Directives) -> None:
    """Refuse a mapping that browsers would read differently from how it is written. Raises `BadDirective`."""
    for name, values in directives.items():
        check_name(name)
        for value in values:
            _check_value(name, value)
        _check_together(name, [value.lower() for value in values])


def check_name(name: str) -> None:
    """Refuse what is no directive. Raises `BadDirective`, with the nearest right name."""
    if name in DIRECTIVES:
        return
    near = difflib.get_close_matches(name.lower(), sorted(DIRECTIVES), n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else "Use a directive of CSP Level 3."
    raise BadDirective(name, "is not a directive that browsers know", remedy)


def _check_value(name: str, value: str) -> None:
    if not value.isascii():
        remedy = "Write host names in their ASCII form (xn--…) and percent-encode paths."
        raise BadDirective(name, f"has the non-ASCII value {value!r}", remedy)
    if not _INERT.fullmatch(value):
        remedy = "Write one source per string, and percent-encode `;` and `,` in a path as %3B and %2C."
        raise BadDirective(name, f"has the value {value!r}, which holds a space, comma, semicolon or nothing", remedy)
    if name in _SOURCE_LISTS:
        _check_source(name, value)
    else:
        _check_other(name, value)


def _check_source(name: str, value: str) -> None:
    if value.startswith("'"):
        _check_quoted(name, value)
        return
    word = value.lower()
    if word in _KEYWORDS or word == "nonce" or _BARE_SECRET.match(word):
        raise BadDirective(name, f"has {value!r}, which is a host name without its quotes", f"Write \"'{word}'\".")
    if not _SCHEME.fullmatch(value) and not _HOST.fullmatch(value):
        remedy = "Write a scheme (`https:`), a host (`cdn.example.com`, `https://*.example.com`) or a quoted keyword."
        raise BadDirective(name, f"has {value!r}, which is no source expression", remedy)


def _check_quoted(name: str, value: str) -> None:
    word = value.lower().strip("'")
    if value == NONCE:
        if name not in _NONCE_DIRECTIVES:
            remedy = "Take it out: nonces work in " + ", ".join(sorted(_NONCE_DIRECTIVES)) + "."
            raise BadDirective(name, "has a nonce, which has no effect there", remedy)
        return
    if word.startswith("nonce-"):
        remedy = "Write \"'nonce'\"; each answer then gets its own."
        raise BadDirective(name, "has a fixed nonce, which anybody can read in the page", remedy)
    if _HASH.fullmatch(value) or (word in _KEYWORDS and value.lower() == f"'{word}'"):
        return
    near = difflib.get_close_matches(word, [*_KEYWORDS, "nonce"], n=1)
    remedy = f"Did you mean \"'{near[0]}'\"?" if near else "Known keywords: " + " ".join(sorted(_KEYWORDS)) + "."
    raise BadDirective(name, f"has the unknown keyword {value!r}", remedy)


def _check_other(name: str, value: str) -> None:
    quoted = _QUOTED_ELSEWHERE.get(name, frozenset())
    word = value.lower().strip("'")
    if name in _VALUELESS:
        raise BadDirective(name, f"has the value {value!r} but takes none", "Write an empty list.")
    if word in quoted and value.lower() != f"'{word}'":
        raise BadDirective(name, f"has {value!r} without its quotes", f"Write \"'{word}'\".")
    if name in {"require-trusted-types-for", "webrtc"} and word not in quoted:
        remedy = "Write " + " or ".join(f"\"'{known}'\"" for known in sorted(quoted)) + "."
        raise BadDirective(name, f"has the unknown value {value!r}", remedy)
    if name == "sandbox" and not value.startswith("allow-"):
        raise BadDirective(name, f"has the unknown token {value!r}", "Sandbox tokens begin with `allow-`.")
    if name == "trusted-types" and word not in quoted and not _NAME.fullmatch(value):
        raise BadDirective(name, f"has {value!r}, which is no policy name", "Use letters, digits and -#=_/@.%.")


def _check_together(name: str, values: Sequence[str]) -> None:
    if name in _SOURCE_LISTS and not values:
        raise BadDirective(name, "has no value, which means 'none'", "Write \"'none'\".")
    if name in _QUOTED_ELSEWHERE and name != "trusted-types" and not values:
        raise BadDirective(name, "has no value, so it does nothing", "Give it a value or take it out.")
    if "'none'" in values and len(values) > 1:
        raise BadDirective(name, "has 'none' beside other values, where browsers ignore it", "Keep one of the two.")
    if NONCE in values and "'unsafe-inline'" in values:
        remedy = "Take 'unsafe-inline' out, or the nonce if inline code without one must run."
        raise BadDirective(name, "has 'unsafe-inline' beside a nonce, where browsers ignore it", remedy)


def weaknesses(directives: Directives) -> list[str]:
    """What a well-formed policy leaves open, one sentence each; empty for a strict one.

    After the CSP3 strict policy (section 8.3 of the standard) and the OWASP Content Security Policy Cheat Sheet.
    """
    return [*_script_weaknesses(directives), *_style_weaknesses(directives), *_missing(directives)]


def _script_weaknesses(directives: Directives) -> Iterable[str]:
    names = [name for name in ("script-src", "script-src-elem", "script-src-attr") if name in directives]
    if "script-src" not in directives:
        names.append("default-src")
    if "default-src" not in directives and "script-src" not in directives:
        yield "scripts may come from anywhere: neither script-src nor default-src is set"
    for name in names:
        values = [value.lower() for value in directives.get(name, ())]
        vouched = NONCE in values or any(value.startswith("'sha") for value in values)
        if "'unsafe-inline'" in values and not vouched:
            yield f"{name} has 'unsafe-inline': injected inline scripts run"
        if "'unsafe-eval'" in values:
            yield f"{name} has 'unsafe-eval': strings become code"
        if "'unsafe-hashes'" in values:
            yield f"{name} has 'unsafe-hashes': an attacker may attach an allowed handler to other elements"
        if "'strict-dynamic'" in values and vouched:
            continue  # host and scheme sources are ignored beside it (CSP3, section 8.2)
        yield from (f"{name} has {value}: {open_}" for value, open_ in _open_sources(values))


def _open_sources(values: Sequence[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        if value.startswith("'"):
            continue
        if value.split("://")[-1].split("/")[0].split(":")[0] == "*" or value in {"http:", "https:"}:
            yield value, "scripts of any host run"
        elif _SCHEME.fullmatch(value):
            yield value, "a script can be written into the URL itself"
        elif value.startswith("http://"):
            yield value, "whoever is on the network can change the script"


def _style_weaknesses(directives: Directives) -> Iterable[str]:
    values = [value.lower() for value in directives.get("style-src", directives.get("default-src", ()))]
    vouched = NONCE in values or any(value.startswith("'sha") for value in values)
    if "'unsafe-inline'" in values and not vouched:
        yield "style-src has 'unsafe-inline': injected styles can read form values and overlay the page"


def _missing(directives: Directives) -> Iterable[str]:
    if "object-src" not in directives and tuple(directives.get("default-src", ())) != ("'none'",):
        yield "object-src is not 'none': plug-in content can run scripts"
    for name, consequence in (
        ("base-uri", "an injected <base> redirects relative script URLs"),
        ("form-action", "injected forms can send what users type elsewhere"),
        ("frame-ancestors", "other sites can frame the page"),
    ):
        if name not in directives:
            yield f"{name} is not set (default-src does not cover it): {consequence}"
