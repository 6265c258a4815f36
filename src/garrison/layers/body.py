"""What a body holds: JSON documents and forms, judged before or while the application reads them.

Threat: bodies that cost more than their bytes (depth, millions of tiny values, thousands of fields; CWE-674, CWE-770)
and bodies that two parsers read differently, so that what was checked is not what is used (CWE-436): see
`core.json_guard` for JSON, `core.multipart` for forms with files. URL-encoded forms that are no UTF-8, or hold NUL, are
mended by each parser in its own way.

JSON (`application/json`, `application/…+json`) and URL-encoded forms are read whole, up to what `size` allows, and the
application gets them as they came; multipart is judged as it streams. What is no JSON is refused as well: it has no
bounds. Lets pass: an empty body; JSON under another type; a percent sign without digits, which every parser leaves as
it is; names that come more than once, as check boxes do; other kinds of multipart than form-data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import unquote_to_bytes

from ..core.facts import Facts
from ..core.json_guard import Document, JsonLimits, JsonRefused, loads
from ..core.layer import Judge, Layer, Peek
from ..core.multipart import FormLimits, Multipart
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy
from ..policy.section_body import BodySection
from .media import parse_media_type, sane_boundary

NAME: Final = "body"
_SIZES: Final = frozenset({"size", "values", "keys", "fields", "files", "name", "value"})
_HINT: Final = "The body is malformed, too deep, or can be read in two ways."
_ENCODED: Final = Refuse(
    Reason.ENCODING_UNSUPPORTED, 415, layer=NAME, detail="multipart", hint="Send forms with files uncompressed."
)


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class: 413 for what holds too much, else 400."""
    section, sizes = policy.body, policy.size
    size = sizes.decompressed if sizes.decompress else sizes.body
    limits = JsonLimits(size, section.depth, section.values, section.keys, section.digits)
    read = partial(read_json, limits=limits)
    json = Peek(size + 1, lambda body, complete: read(body, complete)[0], read)
    form = Peek(size + 1, _whole(size, lambda body: judge_urlencoded(body, section)))

    def peek(facts: Facts) -> Peek | None:
        kind = facts.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind == b"application/json" or kind.endswith(b"+json"):
            return json
        return form if kind == b"application/x-www-form-urlencoded" else None

    return Layer(NAME, peek=peek, watch=lambda facts, exchange: _watch(facts, section), mode=section.mode)


def _whole(size: int, why: Callable[[bytes], str]) -> Judge:
    def judge(body: bytes, complete: bool) -> Verdict:
        if not complete:  # more than `size` allows, or the client went away
            return _refusal("size") if len(body) > size else None
        return _refusal(reason) if (reason := why(body)) else None

    return judge


def read_json(body: bytes, complete: bool, limits: JsonLimits) -> tuple[Verdict, Document | None]:
    """What is said of a JSON body, and what it holds, for who would parse it again; nothing of an empty one."""
    if not complete or not body:  # more than `size` allows, or the client went away
        return (_refusal("size") if len(body) > limits.size else None), None
    try:
        return None, Document(body, loads(body, limits), limits)
    except JsonRefused as error:
        return _refusal(error.why), None


def judge_urlencoded(body: bytes, limits: BodySection) -> str:
    """Why an URL-encoded form is refused, in a word; empty if it is fine."""
    if body.count(b"&") >= limits.fields:
        return "fields"
    for pair in body.split(b"&") if len(body) > min(limits.name, limits.value) else ():
        name, _, value = pair.partition(b"=")
        if len(name) > limits.name and len(unquote_to_bytes(name)) > limits.name:
            return "name"
        if len(value) > limits.value and len(unquote_to_bytes(value)) > limits.value:
            return "value"
    plain = unquote_to_bytes(body)
    if b"\x00" in plain:
        return "nul"
    try:
        plain.decode()
    except UnicodeDecodeError:
        return "utf-8"
    return ""


def _watch(facts: Facts, section: BodySection) -> Callable[[bytes], Refuse | None] | None:
    if facts.headers.get(b"content-type", b"")[:19].lower() != b"multipart/form-data":
        return None
    if (form := read_form(facts, section)) is None:
        return lambda chunk: _refusal("boundary")
    if b"content-encoding" in facts.headers:
        return lambda chunk: _ENCODED
    return FormWatch(form)


def read_form(facts: Facts, limits: FormLimits) -> Multipart | None:
    """A reader for the request's multipart form; None where its Content-Type is none, or has no sane boundary."""
    media = parse_media_type(facts.headers.get(b"content-type", b""))
    if media is None or media.name != "multipart/form-data" or not sane_boundary(media):
        return None
    length = facts.headers.get(b"content-length", b"")
    plain = length.isdigit() and b"content-encoding" not in facts.headers  # else it is the length of something else
    return Multipart(media.parameters["boundary"].encode("latin-1"), limits, int(length) if plain else None)


class FormWatch:
    """Judges a form as it comes in; the onion leaves its `form` with the exchange, for who takes files out of it."""

    __slots__ = ("form",)

    def __init__(self, form: Multipart) -> None:
        self.form = form

    def __call__(self, chunk: bytes) -> Refuse | None:
        return _refusal(why) if (why := self.form.feed(chunk)) else None


def _refusal(why: str) -> Refuse:
    if why in _SIZES:
        return Refuse(Reason.BODY_TOO_LARGE, 413, layer=NAME, detail=why, hint="The body holds too much.")
    return Refuse(Reason.BODY_MALFORMED, 400, layer=NAME, detail=why, hint=_HINT)
