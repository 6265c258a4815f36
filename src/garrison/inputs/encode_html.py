"""Where in a page a template's value lands: an HTML tokenizer that reads templates.

Threat: one escaping for all places. HTML escaping is right between tags and in quoted attributes; in an address it
lets `javascript:` through, in a script and in an unquoted attribute it lets everything through (CWE-79). The places
are those of the HTML Standard, section 13.2.5; what can't be proven is refused, with the line and the remedy.

Assumption: templates are the developer's. Lets pass: nothing that is not told apart here, and what stands in
`allow_insecure_html`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from ..core.errors import OperatorError


class TemplateRefused(OperatorError):
    """A template in which a value stands where no encoding makes it safe, or where the place can't be proven."""

    def __init__(self, name: str, line: int, what: str, remedy: str) -> None:
        super().__init__(f"{name}, line {line}: {what}", remedy=remedy, reference="docs/inputs/encoding.md")
        self.name = name
        self.line = line


class Unprovable(Exception):  # internal: gets its place in `encode_jinja`
    """`what` is wrong, `remedy` is what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class At(Enum):
    """The state of the tokenizer."""

    TEXT = auto()
    OPEN = auto()
    TAG = auto()
    BETWEEN = auto()
    NAME = auto()
    BEFORE_VALUE = auto()
    VALUE = auto()
    UNQUOTED = auto()
    COMMENT = auto()
    DECLARATION = auto()
    RAW = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a page. `value` is what stands in the attribute, or the script, before it."""

    at: At = At.TEXT
    tag: str = ""
    closing: bool = False
    attribute: str = ""
    quote: str = ""
    value: str = ""
    refreshes: bool = False
    dynamic_content: bool = False


Step = Callable[[Place, str], tuple[Place, str]]
"""From a place, over the beginning of a text: the place behind it, and the rest of the text."""

TEXT: Final = Place()
_RAW: Final = frozenset({"script", "style"})
_RCDATA: Final = frozenset({"title", "textarea"})
_LITERAL: Final = frozenset(
    {"iframe", "noembed", "noframes", "noscript", "plaintext", "xmp", "svg", "math", "template"}
)
_SPACE: Final = " \t\n\f\r"
_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in (*_RAW, *_RCDATA)}


def read(place: Place, text: str) -> Place:
    """The place behind `text`. Raises `Unprovable` for text that browsers may read in two ways."""
    while text:
        place, text = _STEPS[place.at](place, text)
    return place


def _text(place: Place, text: str) -> tuple[Place, str]:
    if place.tag in _RCDATA:
        found = _END[place.tag].search(text)
        if found is None:
            return place, ""
        return Place(At.BETWEEN, place.tag, closing=True), text[found.end() :]
    _, mark, rest = text.partition("<")
    if not mark:
        return place, ""
    if not rest:
        return Place(At.OPEN), ""
    return _open(place, rest)


def _open(place: Place, text: str) -> tuple[Place, str]:
    if text.startswith("!--"):
        return Place(At.COMMENT), text[3:]
    if text[0] in "!?":
        return Place(At.DECLARATION), text[1:]
    found = re.match(r"(/?)([A-Za-z][^\s/>]*)", text)
    if text == "/":
        return Place(At.OPEN), ""
    if found is None:
        return TEXT, text  # a lone "<" is text
    return Place(At.TAG, found[2].lower(), closing=bool(found[1])), text[found.end() :]


def _tag(place: Place, text: str) -> tuple[Place, str]:
    if text[0] not in _SPACE + "/>":
        raise Unprovable("a name that goes on behind a block", "Write whole names, with a space before them.")
    return _between(place, text)


def _between(place: Place, text: str) -> tuple[Place, str]:
    rest = text.lstrip(_SPACE + "/")
    if not rest:
        return replace(place, at=At.BETWEEN if text[-1] in _SPACE + "/" else place.at, attribute="", value=""), ""
    if rest[0] == ">":
        return _inside(place), rest[1:]
    return replace(place, at=At.NAME, attribute="", value="", quote=""), rest


def _inside(place: Place) -> Place:
    """Behind the end of a tag."""
    if place.refreshes and place.dynamic_content:
        raise Unprovable("a value in a refresh", "Redirect by the answer instead.")
    if place.closing or place.tag not in _RAW | _RCDATA | _LITERAL - {"template", "noscript", "svg", "math"}:
        return TEXT
    if place.tag in _RAW:
        return Place(At.RAW, place.tag)
    if place.tag in _RCDATA:
        return Place(At.TEXT, place.tag)
    raise Unprovable(f"the element {place.tag}, whose content browsers read by rules of its own", "Take it out.")


def _name(place: Place, text: str) -> tuple[Place, str]:
    found = re.match(r"[^\s=/>]*", text)
    name = place.attribute + (found[0] if found else "").lower()
    rest = text[found.end() :] if found else text
    place = replace(place, attribute=name, refreshes=place.refreshes or name == "http-equiv")
    if not rest:
        return place, ""
    after = rest.lstrip(_SPACE)
    if after.startswith("="):
        return replace(place, at=At.BEFORE_VALUE), after[1:]
    return replace(place, at=At.BETWEEN, attribute=""), rest


def _before_value(place: Place, text: str) -> tuple[Place, str]:
    rest = text.lstrip(_SPACE)
    if not rest:
        return place, ""
    if rest[0] in "\"'":
        return replace(place, at=At.VALUE, quote=rest[0], value=""), rest[1:]
    return replace(place, at=At.UNQUOTED), rest


def _value(place: Place, text: str) -> tuple[Place, str]:
    inside, mark, rest = text.partition(place.quote)
    if not mark:
        return replace(place, value=place.value + inside), ""
    return replace(place, at=At.TAG, attribute="", value="", quote=""), rest


def _unquoted(place: Place, text: str) -> tuple[Place, str]:
    found = re.search(r"[\s>]", text)
    if found is None:
        return place, ""
    return replace(place, at=At.BETWEEN, attribute=""), text[found.start() :]


def _until(end: str) -> Step:
    def skip(place: Place, text: str) -> tuple[Place, str]:
        held = (place.value + text)[-len(text) - len(end) + 1 :] if place.value else text
        _, mark, rest = held.partition(end)
        return (TEXT, rest) if mark else (replace(place, value=held[-(len(end) - 1) :] if len(end) > 1 else ""), "")

    return skip


def _raw(place: Place, text: str) -> tuple[Place, str]:
    held = place.value + text
    if "<!--" in held:
        raise Unprovable(f"<!-- in {place.tag}, which changes where it ends", "Take it out.")
    found = _END[place.tag].search(held, max(0, len(place.value) - 10))
    if found is None:
        return replace(place, value=held), ""
    return Place(At.BETWEEN, place.tag, closing=True), held[found.end() :]


_STEPS: Final[dict[At, Step]] = {
    At.TEXT: _text, At.OPEN: _open, At.TAG: _tag, At.BETWEEN: _between, At.NAME: _name, At.BEFORE_VALUE: _before_value,
    At.VALUE: _value, At.UNQUOTED: _unquoted, At.COMMENT: _until("-->"), At.DECLARATION: _until(">"), At.RAW: _raw,
}  # fmt: skip
