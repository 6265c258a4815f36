"""Which encoding a place needs, and where two ways through a template meet.

Threat and assumption: see `encode_html`, which finds the places. Here is what is told apart within them: parts of an
address, values and strings of a script, strings of a style sheet. What can't be told for sure is refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from .encode_html import At, Place, Unprovable

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
_QUOTE: Final = 'Put the value into quotes: name="{{ value }}".'


_WHOLE: Final = re.compile(
    r"//[^\n]*\n|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|url\((?=\s*[\"'])", re.DOTALL | re.IGNORECASE
)
"""A whole comment or a whole string, of a script or a style sheet."""


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


def encoding(place: Place, *, own: bool = False) -> tuple[str, Place]:
    """The name of the encoding for a value at `place`, and the place behind it. `own`: the value is an address that the
    application makes of a route of its own. Raises `Unprovable`."""
    if place.at is At.TEXT:
        return "text", place
    if place.at is At.VALUE:
        return _in_attribute(place, own=own)
    if place.at is At.RAW:
        return (_in_script(place) if place.tag == "script" else _in_style(place)), place
    if place.at in {At.BEFORE_VALUE, At.UNQUOTED}:
        raise Unprovable("a value in an attribute without quotes", _QUOTE)
    if place.at is At.COMMENT:
        raise Unprovable("a value in an HTML comment", "Use {# … #} for notes.")
    raise Unprovable("a value in the place of a tag or of an attribute's name", "Write names out, with {% if %}.")


def _in_attribute(place: Place, *, own: bool) -> tuple[str, Place]:
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
    if kind == "whole" and (place.tag, name) in _CODE and not own:
        remedy = "Begin it with a path of yours, /static/…, or take url_for(…)."
        raise Unprovable(f"a whole address of code in {place.tag} {name}", remedy)
    if kind == "whole":
        return ("image" if (place.tag, name) == ("img", "src") else "url"), behind
    return kind, behind


def _url_kind(place: Place) -> str:
    """What of an address comes next: "whole" at its beginning, "segment" or "component" behind what is written."""
    before = place.value
    if not before.strip():
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
