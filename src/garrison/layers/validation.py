"""Validation errors that name the field and the rule, never the input.

Threat: FastAPI's 422 repeats the whole input, its messages quote parts of it, and `ctx` carries more; a password sent
to a wrong field comes back and ends in logs, and a payload is reflected (CWE-209, CWE-79).
Assumption: FastAPI's shape, a JSON object whose only member `detail` lists `{type, loc, msg, …}`.
Lets pass: any other 422, byte for byte; names of fields, and keys of the input that look like one (a letter, then
letters, digits, `_`, `.`, `-`, 64 at most): without the schema the two can't be told apart.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from typing import Final, TypeGuard

from .problem import document
from .validation_rules import describe

LIMIT: Final = 1024 * 1024
"""Bytes of a 422 body that are read. A longer one of FastAPI's shape is answered without its list of errors."""

_MAX_ERRORS: Final = 50
_MAX_DEPTH: Final = 8
_SHAPE = re.compile(rb'\s*\{\s*"detail"\s*:\s*\[\s*\{\s*"(?:type|loc|msg|input|ctx|url)"\s*:')
_MEMBERS: Final = frozenset({"type", "loc", "msg", "input", "ctx", "url"})
_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})
_FIELD = re.compile(r"[^\W\d][\w.-]{0,63}")
_RULE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_NAMES_INPUT: Final = frozenset(
    {"extra_forbidden", "invalid_key", "unexpected_keyword_argument", "unexpected_positional_argument"}
)
"""Errors whose last place is a key of the input, never a field of ours."""
_HINT: Final = "Some values are missing or not valid."
_REASON: Final = "validation"

Item = Mapping[str, object]


def safe_validation(body: bytes, request_id: str, *, encoding: bytes = b"") -> bytes | None:
    """A problem document instead of FastAPI's 422 `body`; None for any other body, which is to pass unchanged.

    `body` may be cut off: what begins in FastAPI's shape and can't be read is answered without a list of errors.
    `encoding` is the answer's Content-Encoding, which the caller drops with the body. A JSON answer in an encoding that
    can't be undone here (`br`, `zstd`) may hold anything, and is answered without a list of errors too.
    """
    plain = _decoded(body, encoding.strip().lower())
    if plain is not None and not _SHAPE.match(plain):
        return None
    items = None if plain is None else _read(plain)
    if items is None:
        return document(422, reason=_REASON, request_id=request_id, hint=_HINT)
    if not items or not all(_is_error(item) for item in items):
        return None
    errors = [_error(item) for item in items[:_MAX_ERRORS]]
    omitted = {"errors_omitted": len(items) - _MAX_ERRORS} if len(items) > _MAX_ERRORS else {}
    return document(422, reason=_REASON, request_id=request_id, hint=_HINT, errors=errors, **omitted)


def _decoded(body: bytes, encoding: bytes) -> bytes | None:
    """The body without gzip or deflate, at most one byte more than `LIMIT`; None for what can't be undone."""
    if encoding in {b"", b"identity"} or not body:
        return body
    if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
        return None
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, LIMIT + 1)
    except zlib.error:
        return None


def _read(body: bytes) -> list[Item] | None:
    """The listed errors; an empty list for another shape, None for what can't be read."""
    if len(body) > LIMIT:
        return None
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):  # cut off, no JSON, a number of 5,000 digits, or nested too deeply
        return None
    detail = parsed.get("detail") if isinstance(parsed, dict) and len(parsed) == 1 else None
    return detail if isinstance(detail, list) else []


def _is_error(item: object) -> TypeGuard[Item]:
    return (
        isinstance(item, dict)
        and item.keys() <= _MEMBERS
        and isinstance(item.get("type"), str)
        and isinstance(item.get("msg"), str)
        and isinstance(item.get("loc"), list)
    )


def _error(item: Item) -> dict[str, str]:
    rule = str(item["type"])
    loc = item["loc"] if isinstance(item["loc"], list) else []
    context = item.get("ctx")
    place = loc[0] if loc and loc[0] in _PLACES else ""
    rest = loc[1:] if place else loc
    described = describe(rule, context if isinstance(context, dict) else {})
    return {
        "in": str(place),
        "field": "" if rule == "json_invalid" else _field(rest, rule),
        "rule": rule if _RULE.fullmatch(rule) else "invalid",
        "detail": described,
    }


def _field(parts: list[object], rule: str) -> str:
    if rule in _NAMES_INPUT:
        parts = parts[:-1]
    if parts and parts[-1] == "[key]":
        parts = [*parts[:-2], None]
    shown = [_part(part) for part in parts[:_MAX_DEPTH]]
    return ".".join([*shown, "…"] if len(parts) > _MAX_DEPTH else shown)


def _part(part: object) -> str:
    if isinstance(part, int) and not isinstance(part, bool) and 0 <= part < 1_000_000:
        return str(part)
    return part if isinstance(part, str) and _FIELD.fullmatch(part) else "*"
