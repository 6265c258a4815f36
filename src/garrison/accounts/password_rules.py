"""What a new password must be (NIST SP 800-63B-4, section 3.1.1.2): long enough, and none that others try first.

Threat: guessing, with lists of what people choose and of what was stolen elsewhere (credential stuffing). No
composition rules and no periodic changes: they make passwords worse.

Lets pass: a long password that is weak in a way no list knows. A password that was stolen after it was chosen: check at
log-in too, if you have a filter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from ..core.errors import DependencyError
from ..policy.model import PasswordsSection
from .breached import BreachFilter
from .passwords import prepare


class Rule(StrEnum):
    """Which rule a password broke. Closed, for texts in other languages."""

    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    NOT_TEXT = "not-text"
    TOO_SIMPLE = "too-simple"
    COMMON = "common"
    CONTEXT = "context"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a password broke. `message` is for the person who chose it, and never holds the password."""

    rule: Rule
    message: str


class RangeService(Protocol):
    """Whether a breach is known, without telling the password. Raises `DependencyError` when it can't tell."""

    async def knows(self, prepared: bytes) -> bool: ...


_MESSAGES: Final = {
    Rule.NOT_TEXT: "It holds characters that can't be typed again reliably.",
    Rule.TOO_SIMPLE: "It is one pattern repeated or a run of neighbouring keys.",
    Rule.COMMON: "It is one of the passwords that are tried first.",
    Rule.CONTEXT: "It is made of your name or the name of this service.",
    Rule.BREACHED: "It has been stolen from another service and is on the lists that attackers use.",
}
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_RUNS: Final = ("0123456789", "abcdefghijklmnopqrstuvwxyz", *_ROWS, "".join(_ROWS[:3]))
_LONG_RUNS: Final = tuple(text * 30 for run in _RUNS for text in (run, run[::-1]))
_LEET: Final = str.maketrans("013457@$!+", "oieastasit")
_EDGES: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_NO_LETTER: Final = re.compile(r"[\W_]+")
_LEAST_WORD: Final = 4


class PasswordRules:
    """The rules of the policy. `await rules.faults(password)` is empty when a password may be used.

    section   the policy's `passwords`
    names     further words nobody's password may be made of; the policy's hosts come from here

    Raises `OperatorError` for a filter file that can't be used.
    """

    def __init__(
        self, section: PasswordsSection | None = None, *, names: Iterable[str] = (), service: RangeService | None = None
    ) -> None:
        self._section = section or PasswordsSection()
        self._names = (*self._section.service_names, *names)
        self._filter = BreachFilter.load(Path(self._section.breached)) if self._section.breached else None
        self._service = service

    async def faults(
        self, password: str, *, context: Sequence[str] = (), second_factor: bool = False
    ) -> tuple[Fault, ...]:
        """What is wrong with a new password, the most helpful first; empty when nothing is.

        context         words about its owner: account name, mail address, real name
        second_factor   whether a second factor stands beside it: then it may be shorter

        A range service that does not answer is left out: the filter's word stands.
        """
        found = self.offline(password, context=context, second_factor=second_factor)
        if found or self._service is None:
            return found
        prepared = prepare(password, self._section.max_length)
        try:
            known = prepared is not None and await self._service.knows(prepared)
        except DependencyError:  # the service is a courtesy; its absence must not stop anybody from signing up
            return ()
        return (_fault(Rule.BREACHED),) if known else ()

    def offline(self, password: str, *, context: Sequence[str] = (), second_factor: bool = False) -> tuple[Fault, ...]:
        """`faults` without asking anybody."""
        section = self._section
        least = section.min_length_second_factor if second_factor else section.min_length
        normal = unicodedata.normalize("NFC", password)
        if len(normal) < least:
            return (Fault(Rule.TOO_SHORT, f"Use at least {least} characters; several words make a good password."),)
        if len(normal) > section.max_length or len(password) > section.max_length:
            return (Fault(Rule.TOO_LONG, f"Use at most {section.max_length} characters."),)
        prepared = prepare(password, section.max_length)
        if prepared is None or any(unicodedata.category(char) in {"Cn", "Cc"} for char in normal):
            return (_fault(Rule.NOT_TEXT),)
        return tuple(_fault(rule) for rule in self._broken(normal, prepared, context))

    def _broken(self, normal: str, prepared: bytes, context: Sequence[str]) -> Iterable[Rule]:
        folded = normal.casefold()
        if is_simple(folded):
            yield Rule.TOO_SIMPLE
        if is_common(folded):
            yield Rule.COMMON
        if is_made_of(folded, (*self._names, *context)):
            yield Rule.CONTEXT
        if self._filter is not None and prepared in self._filter:
            yield Rule.BREACHED


def is_simple(folded: str) -> bool:
    """Whether it is a short pattern repeated (`abcabcabc`), or a run of letters, digits or neighbouring keys."""
    whole = folded + folded
    period = whole.find(folded, 1)  # the smallest rotation that gives the same text
    if period <= min(_LEAST_WORD, len(folded) // 2) or len(set(folded)) <= 3:
        return True
    return any(folded in run for run in _LONG_RUNS)


def is_common(folded: str) -> bool:
    """Whether it is a common password: as it is, in other spelling (`p@ssw0rd`), padded with digits, or repeated."""
    common = common_passwords()
    joined = _NO_LETTER.sub("", folded)
    plain = {folded, joined, folded.translate(_LEET), joined.translate(_LEET)}
    forms = plain | {_EDGES.sub("", form) for form in plain}
    for form in forms:
        whole = form + form
        period = whole.find(form, 1) if form else 0
        if form in common or (0 < period < len(form) and form[:period] in common):
            return True
    return False


def is_made_of(folded: str, words: Iterable[str]) -> bool:
    """Whether hardly anything is left once the words, in any spelling, are taken out."""
    plain = _NO_LETTER.sub("", folded)
    spelt = _NO_LETTER.sub("", folded.translate(_LEET))
    least = max(6, len(plain) // 2)
    parts = sorted({part for word in words for part in _parts(word)}, key=len, reverse=True)
    for text in (plain, spelt):
        rest = text
        for part in parts:
            rest = rest.replace(part, "")
        if rest != text and len(rest) < least:
            return True
    return False


def _parts(word: str) -> Iterable[str]:
    """A name and its parts: `ann.lee@shop.example` gives annlee, shop, example and the whole."""
    folded = unicodedata.normalize("NFC", word).casefold()
    whole = _NO_LETTER.sub("", folded)
    for part in (whole, *_NO_LETTER.split(folded), *(_NO_LETTER.sub("", side) for side in folded.split("@"))):
        if len(part) >= _LEAST_WORD:
            yield part


@cache
def common_passwords() -> frozenset[str]:
    """The built-in list, without case."""
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def _fault(rule: Rule) -> Fault:
    return Fault(rule, _MESSAGES[rule])
