"""A small language to choose events: `severity>=warning and (client=203.0.113.0/24 or path=/login*) not layer=csrf`.

    field=value  field!=value      equal (also `==`); `*` stands for any text, a network for its addresses
    field~text                     contains, whatever the case
    field>value  >= < <=           numbers, and severities by their weight (info is the lightest)
    and, or, not, ( )              side by side means `and`; a bare word is looked for in all texts

Fields are those of an event, `details.NAME` and `category`. Values with blanks or signs stand in quotation marks.
Pure; work is bounded by the length of the filter, which is at most 2,000 characters.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from dataclasses import fields
from ipaddress import ip_address, ip_network
from typing import Final

from ..core.errors import OperatorError
from .event import Event
from .terms import Severity

LONGEST: Final = 2000
_SIGNS: Final = frozenset("=<>~")
_DEEPEST: Final = 30
Test = Callable[[Event], bool]
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<field>[a-z_]+(?:\.[\w.-]+)?)\s*(?P<op>!=|>=|<=|==?|~|>|<)\s*(?P<value>"[^"]*"|'[^']*'|[^\s()]+)"""
    r"""|(?P<word>"[^"]*"|'[^']*'|[^\s()]+))"""
)
FIELDS: Final = (*(one.name for one in fields(Event) if one.name not in ("details", "_json")), "category")
_TEXTS: Final = (
    "name", "reason", "layer", "route", "client", "principal", "method", "host", "path", "agent", "request_id",
)  # fmt: skip
_ORDERS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class FilterWrong(OperatorError):
    """A filter can't be read."""

    exit_code = 2

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(
            f"The filter can't be read: {why}.",
            remedy=remedy or "Something like: severity>=warning and path=/login*",
            reference="docs/events.md",
        )


def compile_filter(text: str) -> Test:
    """What `text` asks of an event; an empty one takes all. Raises `FilterWrong`."""
    if len(text) > LONGEST:
        raise FilterWrong(f"it has more than {LONGEST} characters")
    parser = _Parser(_tokens(text))
    return parser.whole() if parser.rest else lambda event: True


def _tokens(text: str) -> list[re.Match[str]]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterWrong(f"at {text[at : at + 20]!r}")
        found.append(match)
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; every step takes one, so it ends."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self.rest = tokens[::-1]
        self._depth = 0

    def whole(self) -> Test:
        test = self._either()
        if self.rest:
            raise FilterWrong("a parenthesis is closed that was never opened")
        return test

    def _either(self) -> Test:
        tests = [self._all()]
        while self._take_word("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self.rest and self.rest[-1]["paren"] != ")" and (self.rest[-1]["word"] or "").lower() != "or":
            self._take_word("and")
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        self._depth += 1
        try:
            return self._nested()
        finally:
            self._depth -= 1

    def _nested(self) -> Test:
        if self._depth > _DEEPEST:
            raise FilterWrong("it is nested too deep")
        if not self.rest:
            raise FilterWrong("it ends where something must follow")
        if self._take_word("not"):
            test = self._one()
            return lambda event: not test(event)
        token = self.rest.pop()
        if token["paren"] == "(":
            test = self._either()
            if not self.rest or self.rest.pop()["paren"] != ")":
                raise FilterWrong("a parenthesis is not closed")
            return test
        if token["field"]:
            if token["value"][0] in _SIGNS:  # `=>` or `=~`: taken as a value, it would find nothing and not say why
                raise FilterWrong(f"{token['op']}{token['value']} begins with no comparison that there is")
            return _comparison(token["field"], token["op"].replace("==", "="), _unquoted(token["value"]))
        if token["paren"] or token["word"].lower() in ("and", "or"):
            raise FilterWrong(f"{token[0].strip()!r} stands where a comparison must")
        word = token["word"]
        if word[0] not in "\"'" and not _SIGNS.isdisjoint(word):
            raise FilterWrong(f"{word!r} is no comparison", "Quote a word that holds a sign.")
        return _anywhere(_unquoted(word).lower())

    def _take_word(self, word: str) -> bool:
        if self.rest and (self.rest[-1]["word"] or "").lower() == word:
            self.rest.pop()
            return True
        return False


def _comparison(field: str, sign: str, value: str) -> Test:
    read = _reader(field)
    if sign in _ORDERS:
        return _ordered(field, read, _ORDERS[sign], value)
    if sign == "~":
        wanted = value.lower()
        return lambda event: wanted in str(read(event)).lower()
    equal = _equal(field, read, value)
    return equal if sign == "=" else lambda event: not equal(event)


def _reader(field: str) -> Callable[[Event], object]:
    if field.startswith("details."):
        name = field.removeprefix("details.")
        return lambda event: event.details.get(name, "")
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, n=1)
        raise FilterWrong(f"events have no field {field!r}", f"Did you mean {near[0]!r}?" if near else "")
    return operator.attrgetter(field)


def _equal(field: str, read: Callable[[Event], object], value: str) -> Test:
    if field in ("client", "client_key") and "/" in value and "*" not in value:
        return _in_network(read, value)
    if "*" not in value:
        return lambda event: _plain(read(event)) == value
    first, *middle, last = value.split("*")
    return lambda event: _fits(_plain(read(event)), first, middle, last)


def _fits(text: str, first: str, middle: list[str], last: str) -> bool:
    """Whether `text` is `first`, then the parts of `middle` in order with anything between, then `last`. Linear."""
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _in_network(read: Callable[[Event], object], value: str) -> Test:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise FilterWrong(f"{value!r} is no network") from None

    def within(event: Event) -> bool:
        try:
            return ip_address(str(read(event)).partition("/")[0]) in network
        except ValueError:  # an event without a client
            return False

    return within


def _ordered(field: str, read: Callable[[Event], object], order: Callable[[float, float], bool], value: str) -> Test:
    if field == "severity":
        if value not in set(Severity):
            raise FilterWrong(f"{value!r} is no severity", f"One of {', '.join(Severity)}.")
        weight = -Severity(value).syslog
        return lambda event: order(-event.severity.syslog, weight)
    try:
        wanted = float(value)
    except ValueError:
        raise FilterWrong(f"{value!r} is no number") from None

    def compare(event: Event) -> bool:
        found = read(event)
        return isinstance(found, (int, float)) and order(found, wanted)

    return compare


def _anywhere(word: str) -> Test:
    def contains(event: Event) -> bool:
        return any(word in str(getattr(event, name)).lower() for name in _TEXTS) or any(
            word in str(value).lower() for value in event.details.values()
        )

    return contains


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
