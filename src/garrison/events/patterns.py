"""What secrets look like in running text: one rule a shape.

Every pattern is anchored at a rare literal or at the start of a run, and its repeats are bounded or possessive, so that
no input makes it slow. A rule's `signs` are substrings without one of which it can't match: they are looked for first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from .names import promises_secret
from .randomness import WORD, looks_random

MARK: Final = "[redacted]"
_Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """Replace what `pattern` finds, in texts whose lower-case form contains one of `signs`."""

    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[_Match], str]


_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.DOTALL)
_URL_LOGIN = re.compile(r"(?<=://)[^/\s:@]{0,256}+:[^/\s]{0,256}(?=@)")
_MAIL = re.compile(r"(?<![\w.%+-])(?<!://)([\w%+])[\w.%+-]{0,63}@((?:[\w-]{1,63}+\.){1,8}[^\W\d_][\w-]{1,62})")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{2,}+(?:\.[\w-]*+){0,3}", re.ASCII)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s{1,4}+([A-Za-z0-9._~+/-]{8,}+={0,2})")
_HEADER = re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(\s{0,4}+:\s{0,4}+)(?!\[)([^\r\n]{1,4096}+)")
_ISSUED = re.compile(  # prefixes that issuers chose so that scanners find their tokens
    r"(?<![A-Za-z0-9])(?:A[KSBC][IC]A[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|[srp]k_(?:live|test)_|sk-(?:proj|ant)-|AIza|ya29\.|hv[sbr]\."
    r"|SG\.|npm_|pypi-|dop_v1_)[A-Za-z0-9_.-]{16,}+)"
)
_CARD = re.compile(
    r"(?<![\w.-])(?:[3-6][0-9]{12,18}+|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}"
    r"|3[47][0-9]{2}([ -])[0-9]{6}\2[0-9]{5})(?![\w-])"
)
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[0689]|3[47]|35|6(?:011|2|4[4-9]|5)|5018|5020|5038|6304|6759|676[1-3]")

_PAIR_KEYS: Final = (
    "passw(?:or)?d", "passphrase", "secret", "token", "api[_-]?key", "access[_-]?key", "private[_-]?key", "cookie",
    "session", "csrf", "xsrf", "credentials?", "authorization", "(?<![a-z])(?:pwd|jwt|otp|sid)",
)  # fmt: skip
_PAIR_SIGNS: Final = (
    "passw", "passphrase", "secret", "token", "key", "cookie", "session", "csrf", "xsrf", "credential",
    "authorization", "pwd", "jwt", "otp", "sid",
)  # fmt: skip
_KNOWN = re.compile("(?i)" + "|".join(_PAIR_KEYS))
_STRICT = re.compile(r"(?i)passw|pwd|api[_-]?key")


def build_rules(extra: Iterable[str] = ()) -> tuple[Rule, ...]:
    """All rules, in order; `extra` are field names (squashed) that count as secret in `name=value` text as well."""
    extra = sorted(extra)
    return (
        Rule(("-----begin",), _KEY_BLOCK, lambda _: "[redacted private key]"),
        Rule(("://",), _URL_LOGIN, lambda _: MARK),
        Rule(("cookie", "authorization"), _HEADER, _header),
        Rule((*_PAIR_SIGNS, *(name[0] for name in extra)), _pairs(extra), _pair),
        Rule(("bearer", "basic", "digest", "negotiate"), _SCHEME, _scheme),
        Rule(("eyj",), _JWT, lambda _: "[redacted jwt]"),
        Rule(("",), _ISSUED, _stub),
        Rule(("@",), _MAIL, lambda found: f"{found[1]}***@{found[2]}"),
        Rule(("",), WORD, _random),
        Rule(("",), _CARD, _card),
    )


def _pairs(extra: Iterable[str]) -> re.Pattern[str]:
    own = [f"(?<![a-z0-9]){'[_-]?'.join(name)}(?![a-z0-9])" for name in extra]
    keys = "|".join([*_PAIR_KEYS, *own])
    return re.compile(
        rf"(?i)(?P<key>(?:{keys})[\w-]{{0,32}}+[\"']?)(?P<sign>\s{{0,4}}+[=:]\s{{0,4}}+)(?!\[redacted)"
        r"(?P<value>\"[^\"]{1,1024}+\"?|'[^']{1,1024}+'?|(?:[^\s&;,\"'(){}\[\]]|&(?![\w.-]{1,64}=)){1,1024}+)"
    )


def _pair(found: _Match) -> str:
    key, sign, value = found["key"], found["sign"], found["value"]
    name = key.rstrip("\"'")
    if _KNOWN.search(name) is not None:  # else it is one of the policy's names, which are always secret
        is_said = sign.strip() == ":" and _STRICT.search(name) is None and _is_prose(value)
        if is_said or not promises_secret(name):
            return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{key}{sign}{quote}{MARK}{quote}"


def _is_prose(value: str) -> bool:
    """`token: expired`, `Session: see the manual`: a colon in a sentence, not a value."""
    return len(value) < 16 and value[0] not in "\"'" and not any(one.isdigit() for one in value)


def _header(found: _Match) -> str:
    is_cookie = found[1].lower().endswith("cookie")
    if is_cookie and "=" not in found[3]:
        return found[0]
    return f"{found[1]}{found[2]}{MARK}"


def _scheme(found: _Match) -> str:
    word = found[2].rstrip(".-")
    is_word = word.isalpha() and (word[1:].islower() or word.isupper()) and len(word) < 24
    return found[0] if is_word else f"{found[1]} {MARK}"


def _stub(found: _Match) -> str:
    return f"{found[0][:4]}…{MARK}"


def _random(found: _Match) -> str:
    if found.string.endswith("sha256:", 0, found.start()) or not looks_random(found[0]):
        return found[0]
    return _stub(found)


def _card(found: _Match) -> str:
    digits = found[0].replace(" ", "").replace("-", "")
    if not 13 <= len(digits) <= 19 or _ISSUERS.match(digits) is None or not _luhn(digits):
        return found[0]
    return f"[redacted card {digits[-4:]}]"


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = "0246813579"
    total = sum(map(int, digits[-1::-2])) + sum(int(doubled[int(one)]) for one in digits[-2::-2])
    return total % 10 == 0
