"""Content types: a body comes as a type the application declared, in a charset it reads.

Threat: a parser nobody meant to offer (XML where JSON is spoken), and forms or plain text posted from other sites to an
endpoint that reads JSON without looking, which needs no preflight (CWE-352, CWE-436, CWE-838; Fetch standard, "CORS-
safelisted request-header"). Multipart needs a boundary that every parser finds (RFC 2046 section 5.1.1).

Asked about requests with a body (a Content-Length above zero, or Transfer-Encoding) and about every request with side
effects that names a type, since HTTP/2 bodies may come without a length. Lets pass: a Content-Type on a GET without a
body; what is inside a body, which is the business of validation and inspection.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.memo import remember
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import ContentSection, Policy
from .media import compile_types, parse_media_type, sane_boundary

NAME = "content"
_CACHE = 256
_CACHED_BYTES = 128
_CHARSET_ALIASES = {"utf8": "utf-8", "ascii": "us-ascii"}
_EMPTY = (None, b"0")
_BODIES = frozenset({b"content-length", b"transfer-encoding"})

UNTYPED = "no Content-Type"

_REPEATED = Refuse(Reason.HEADER_MALFORMED, 400, layer=NAME, hint="Content-Type may be given only once.")
_UNREADABLE = Refuse(Reason.HEADER_MALFORMED, 400, layer=NAME, hint="The Content-Type cannot be read.")
_BOUNDARY = Refuse(
    Reason.HEADER_MALFORMED, 400, layer=NAME, detail="boundary", hint="A multipart body needs a valid boundary."
)
_MISSING = Refuse(Reason.CONTENT_TYPE_UNSUPPORTED, 415, layer=NAME, detail=UNTYPED, hint="A body needs a Content-Type.")


class BadContentType(OperatorError):
    """An entry of `content.types` that is no media type, or matches every type."""


def compile(policy: Policy, services: Services) -> Layer:
    """415 for a type or charset that is not listed, 400 for a header that cannot be read. Raises `BadContentType`."""
    section = policy.content
    judge = _judge(section)
    verdicts: dict[bytes, Verdict] = {}  # by header value: clients send few different ones

    def decide(facts: Facts) -> Verdict:
        headers = facts.headers
        value = headers.get(b"content-type")
        bodiless = headers.get(b"content-length") in _EMPTY and b"transfer-encoding" not in headers
        if bodiless and (value is None or facts.method in SAFE_METHODS):
            return None
        if value is None:
            return _MISSING if section.require_type else None
        if b"content-type" in facts.duplicates:
            return _REPEATED
        if value in verdicts:
            return verdicts[value]
        verdict = judge(value)
        if len(value) <= _CACHED_BYTES:
            remember(verdicts, value, verdict, _CACHE)
        return verdict

    return Layer(NAME, decide=decide, spares=SAFE_METHODS, unless=_BODIES, mode=section.mode)


def _judge(section: ContentSection) -> Callable[[bytes], Verdict]:
    try:
        allowed = compile_types(section.types)
    except ValueError as error:
        raise BadContentType(
            f"In `content.types`: {error}.", remedy="To accept any type, turn the layer off and say why."
        ) from None
    charsets = frozenset(_charset(name) for name in section.charsets)
    hint = f"A body here may be: {', '.join(section.types)}."
    charset_hint = f"The charset here may be: {', '.join(section.charsets)}."

    def judge(value: bytes) -> Verdict:
        media = parse_media_type(value)
        if media is None:
            return _UNREADABLE
        if not allowed(media.name):
            return Refuse(Reason.CONTENT_TYPE_UNSUPPORTED, 415, layer=NAME, detail=media.name[:80], hint=hint)
        charset = media.parameters.get("charset")
        if charset is not None and _charset(charset) not in charsets:
            return Refuse(Reason.CHARSET_UNSUPPORTED, 415, layer=NAME, detail=charset[:80], hint=charset_hint)
        if media.name.startswith("multipart/") and not sane_boundary(media):
            return _BOUNDARY
        return None

    return judge


def _charset(name: str) -> str:
    lowered = name.lower()
    return _CHARSET_ALIASES.get(lowered, lowered)
