"""Redaction: secrets and personal data are taken out before any writer sees an event.

Threat: a password, token, session id, key or card number in a path, a header or an error's text ends up in logs, which
far more people and systems read than the database (OWASP Logging Cheat Sheet, "Data to exclude"; CWE-532).
Two nets: by field name (`names.py` and the policy's `events.redact`), and by pattern inside any text.
Assumption: text is bounded before it comes here; every pattern is linear in it (no nested or overlapping repeats).
Lets pass: secrets without a shape (`hunter2` in prose, four-digit PINs), personal data other than mail addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..core.ports import Detail
from .names import promises_secret, squash, squash_all
from .patterns import MARK, Rule, build_rules

LONGEST: Final = 4096
"""Characters of one text that are looked at; the rest is cut off before anything else."""

_SHORTEST: Final = 13  # a card number; anything shorter needs one of `_SIGNS` to be of interest
_SIGNS: Final = frozenset("@=:")
_CUT: Final = 512  # how far back the start of the word that is cut in two is looked for


class Redactor:
    """Takes secrets out of values. `extra` are the further field names of the policy.

    A text may be redacted twice without harm.
    """

    __slots__ = ("_extra", "_rules")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._extra = squash_all(extra)
        self._rules: tuple[Rule, ...] = build_rules(self._extra)

    def hides(self, name: str) -> bool:
        """Whether the policy names this field: its value is never written, whatever it is."""
        return bool(self._extra) and squash(name) in self._extra

    def value(self, name: str, value: Detail) -> Detail:
        """`value` as it may be written under `name`. Truth values and nothing tell no secret and stay."""
        if self.hides(name):
            return MARK
        if value is None or isinstance(value, bool):
            return value
        if promises_secret(name):
            return MARK if value != "" else value
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """`text` without the secrets that have a shape."""
        if len(text) < _SHORTEST and _SIGNS.isdisjoint(text):
            return text
        if len(text) > LONGEST:
            text = _cut(text)
        lower = text.lower()  # what rules put in adds no sign, so one lower-case copy serves all
        for rule in self._rules:
            if any(sign in lower for sign in rule.signs):
                text = rule.pattern.sub(rule.replace, text)
        return text


def _cut(text: str) -> str:
    """The first `LONGEST` characters without the word that was cut in two: half a secret has no shape any more."""
    head, last = text[: LONGEST - _CUT], text[LONGEST - _CUT : LONGEST]
    return head + last[: max(last.rfind(" "), last.rfind("\n")) + 1]
