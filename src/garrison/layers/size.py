"""Sizes: of the header block and of the body, by what is declared and by what arrives.

Threat: memory filled by headers or bodies without end (CWE-400, CWE-770), framing that a proxy and this server read
differently (CWE-444; RFC 9112 section 6.3), and bodies whose encoding hides their size and content (CWE-409). So
Content-Length is one plain number and never stands beside Transfer-Encoding, Transfer-Encoding is `chunked` and
nothing else, bytes are counted as they arrive whatever was declared, and a Content-Encoding is refused unless the
policy decodes it (see `decode`). The body's cap counts bytes as sent; decoded ones have a cap of their own.

Lets pass: `Content-Encoding: identity`. Assumes that the server ends a body where its framing ends it. Where the mode
is "monitor", bodies are still decoded, and the caps of decoding still hold: half a body is no body.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Layer, Watch
from ..core.ports import Services
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..policy.model import Policy, SizeSection
from .decode import Decoder

__all__ = ["Decoder", "compile", "wants_decoding"]

NAME = "size"
_LONGEST_NUMBER = 18
_ALIASES = {"x-gzip": "gzip"}
_TOO_LARGE = Refuse(Reason.BODY_TOO_LARGE, 413, layer=NAME, hint="The body is too large.")


def compile(policy: Policy, services: Services) -> Layer:
    """431 for the header block, 400 for framing, 413 for the body, 415 for an encoding that is not decoded here."""
    section = policy.size
    max_count, max_bytes, cap = section.header_count, section.header_bytes, section.body
    unsupported = _unsupported(section)

    def decide(facts: Facts) -> Verdict:
        if facts.header_count > max_count:
            return _too_many(facts)
        if facts.header_bytes > max_bytes:
            return _too_much(facts)
        headers = facts.headers
        if b"content-length" in headers or b"transfer-encoding" in headers:
            verdict = _judge_framing(facts, cap)
            if verdict is not None:
                return verdict
        if b"content-encoding" in headers and encoding_of(facts) not in {"identity", *section.decompress}:
            return unsupported
        return None

    return Layer(NAME, decide=decide, watch=_watch(cap), mode=section.mode)


def wants_decoding(facts: Facts, section: SizeSection) -> str | None:
    """The encoding to decode this body from, as `Decoder` names it; None when the body is passed on as it is."""
    if b"content-encoding" not in facts.headers or section.mode is Mode.OFF or facts.kind != "http":
        return None
    encoding = encoding_of(facts)
    return encoding if encoding in section.decompress else None


def encoding_of(facts: Facts) -> str:
    """The one Content-Encoding of the request in lower case; empty when there are several, or none."""
    values = facts.values(b"content-encoding")
    if len(values) != 1:
        return ""
    name = values[0].decode("latin-1").strip(" \t").lower()
    return _ALIASES.get(name, name)


def _watch(cap: int) -> Watch:
    def watch(facts: Facts, exchange: Exchange) -> Callable[[bytes], Refuse | None] | None:
        if facts.kind != "http":
            return None  # messages are measured by the websocket layer
        seen = 0

        def count(chunk: bytes) -> Refuse | None:
            nonlocal seen
            seen += len(chunk)
            return _TOO_LARGE if seen > cap else None

        return count

    return watch


def _judge_framing(facts: Facts, cap: int) -> Verdict:
    length = facts.headers.get(b"content-length", b"")
    plain = length.isdigit() and len(length) <= _LONGEST_NUMBER
    if plain and not facts.duplicates and b"transfer-encoding" not in facts.headers:  # as every browser sends it
        return _TOO_LARGE if int(length) > cap else None
    lengths = facts.values(b"content-length")
    codings = facts.values(b"transfer-encoding")
    if codings:
        if lengths:
            return _unclear("Content-Length beside Transfer-Encoding")
        if len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked":
            return _unclear("Transfer-Encoding is not chunked")
        return None
    if len(lengths) > 1:
        return _unclear("Content-Length is repeated")
    if not lengths[0].isdigit() or len(lengths[0]) > _LONGEST_NUMBER:
        return _unclear("Content-Length is not a number")
    return _TOO_LARGE if int(lengths[0]) > cap else None


def _unclear(detail: str) -> Refuse:
    return Refuse(Reason.LENGTH_MALFORMED, 400, layer=NAME, detail=detail, hint="The length of the body is unclear.")


def _too_many(facts: Facts) -> Refuse:
    detail = f"{facts.header_count} lines"
    return Refuse(Reason.HEADERS_TOO_MANY, 431, layer=NAME, detail=detail, hint="There are too many header lines.")


def _too_much(facts: Facts) -> Refuse:
    detail = f"{facts.header_bytes} bytes"
    return Refuse(Reason.HEADERS_TOO_LARGE, 431, layer=NAME, detail=detail, hint="The headers are too large.")


def _unsupported(section: SizeSection) -> Refuse:
    accepted = ", ".join(section.decompress) or "identity"
    return Refuse(
        Reason.ENCODING_UNSUPPORTED,
        415,
        headers=((b"accept-encoding", accepted.encode("ascii")),),
        layer=NAME,
        hint=f"The body may be encoded as: {accepted}.",
    )
