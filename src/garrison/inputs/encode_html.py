"""Where in a page a template's value lands: an HTML tokenizer that reads templates, and says which encoding is right.

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
_URLS: Final = frozenset(
    {
        "action",
        "background",
        "cite",
        "data",
        "formaction",
        "href",
        "longdesc",
        "manifest",
        "poster",
        "src",
        "xlink:href",
    }
)
_CODE: Final = frozenset({("script", "src"), ("iframe", "src"), ("frame", "src"), ("embed", "src"), ("object", "data"),
                          ("base", "href"), ("link", "href")})  # fmt: skip
_NEVER: Final = frozenset({"style", "srcdoc", "srcset", "imagesrcset", "ping", "archive"})
_MOVING: Final = frozenset({"animate", "animatemotion", "animatetransform", "set"})
_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in (*_RAW, *_RCDATA)}
_QUOTE: Final = 'Put the value into quotes: name="{{ value }}".'


_WHOLE: Final = re.compile(
    r"//[^\n]*\n|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|url\((?=\s*[\"'])", re.DOTALL | re.IGNORECASE
)
"""A whole comment or a whole string, of a script or a style sheet."""


def read(place: Place, text: str) -> Place:
    """The place behind `text`. Raises `Unprovable` for text that browsers may read in two ways."""
    while text:
        place, text = _STEPS[place.at](place, text)
    return place


def join(one: Place, other: Place) -> Place:
    """The place where two ways through a template meet. Raises `Unprovable` when they don't."""
    if one == other:
        return one
    inside = {At.TAG, At.BETWEEN, At.NAME}
    if one.tag == other.tag and one.closing == other.closing and {one.at, other.at} <= inside:
        # As after an attribute: whatever continues a name here has to begin with white space, "/" or ">".
        both = replace(one, at=At.TAG, attribute="", value="", quote="")
        return replace(
            both,
            refreshes=one.refreshes or other.refreshes,
            dynamic_content=one.dynamic_content or other.dynamic_content,
        )
    if one.at is other.at is At.VALUE and (one.attribute, one.quote, one.tag) == (
        other.attribute,
        other.quote,
        other.tag,
    ):
        kinds = {_url_kind(place) for place in (one, other)} if one.attribute in _URLS else {""}
        if len(kinds) == 1:
            return one if len(one.value) <= len(other.value) and one.value else other
    if one.at is other.at is At.RAW and one.tag == other.tag and _scan(one.value) == _scan(other.value) == "code":
        return replace(one, value="")
    raise Unprovable(
        "the ways through the template end in different places", "Write whole tags and attributes in each."
    )


def encoding(place: Place) -> tuple[str, Place]:
    """The name of the encoding for a value at `place`, and the place behind it. Raises `Unprovable`."""
    if place.at is At.TEXT:
        return "text", place
    if place.at is At.VALUE:
        return _in_attribute(place)
    if place.at is At.RAW:
        return (_in_script(place) if place.tag == "script" else _in_style(place)), place
    if place.at in {At.BEFORE_VALUE, At.UNQUOTED}:
        raise Unprovable("a value in an attribute without quotes", _QUOTE)
    if place.at is At.COMMENT:
        raise Unprovable("a value in an HTML comment", "Use {# … #} for notes.")
    raise Unprovable("a value in the place of a tag or of an attribute's name", "Write names out, with {% if %}.")


def _in_attribute(place: Place) -> tuple[str, Place]:
    name, behind = place.attribute, replace(place, value=place.value + "\0")
    if name.startswith("on") or name in _NEVER:
        raise Unprovable(f"a value in the attribute {name}", "Put it into a data- attribute, and read it in a script.")
    if name == "content" and place.tag == "meta":
        return "attribute", replace(behind, dynamic_content=True)
    if place.tag in _MOVING and name in {"values", "from", "to", "by"}:
        raise Unprovable(f"a value in {place.tag} {name}, which may set an address", "Write the values out.")
    if name not in _URLS:
        return "attribute", behind
    kind = _url_kind(place)
    if kind == "whole" and (place.tag, name) in _CODE:
        raise Unprovable(f"a whole address of code in {place.tag} {name}", "Begin it with a path of yours: /static/…")
    if kind == "whole":
        return ("image" if (place.tag, name) == ("img", "src") else "url"), behind
    return kind, behind


def _url_kind(place: Place) -> str:
    """What of an address comes next: "whole" at its beginning, "segment" or "component" behind what is written."""
    before = place.value
    if not before.strip(_SPACE):
        return "whole"
    if "?" in before or "#" in before or before in {"mailto:", "tel:"}:
        return "component"
    if re.fullmatch(
        r"(?:https?:)?//[^/\\\0]+/[^\\]*|/(?:[^/\\\0][^\\]*)?|\.{1,2}/[^\\]*|[\w.-]+/[^\\:]*|\0[^\\]*", before
    ):
        return "segment"
    raise Unprovable("a value in the scheme or the host of an address", "Write both out, or give the whole address.")


def _in_script(place: Place) -> str:
    """Whether it is a string's inside or a value of its own."""
    if _scan(place.value) == "string":
        return "js_inside"
    if not re.search(r"(?:[=(,:\[?&|]|\breturn|^)\s*$", place.value):
        raise Unprovable("a value that is no expression of its own", "Write const name = {{ value }};")
    return "json"


def _in_style(place: Place) -> str:
    if _scan(place.value) == "string":
        return "css_inside"
    raise Unprovable("a value in a style sheet outside of a string", "Use a class, or a string in quotes.")


def _scan(code: str) -> str:
    """Whether `code` ends as "code" or inside a "string". Raises `Unprovable` where that can't be told for sure: a
    slash may be a division or a pattern, and a quotation mark in a pattern begins no string."""
    if re.search(r"<[^\s>]*$", code):
        raise Unprovable("a value behind what may be the end of the element", "Put a space before it.")
    at = 0
    while at < len(code):
        whole = _WHOLE.match(code, at)
        if whole:
            at = whole.end()
            continue
        if code[at] in "\"'":
            if "\n" in code[at:]:
                raise Unprovable("a value behind a string that does not end on its line", "End the string.")
            return "string"
        if code[at] in "/`" or code.startswith(("url(", "URL("), at):
            raise Unprovable("a value behind a comment, a division, a pattern or a template literal", "Put it first.")
        at += 1
    return "code"


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
