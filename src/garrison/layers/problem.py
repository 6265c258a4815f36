"""Problem documents (RFC 9457): the JSON body of every refusal and error.

Threat: an error answer that repeats what the client sent becomes an injection or a leak (CWE-79, CWE-209).
Assumption: `hint` is a sentence of ours; it is cleaned and cut all the same. Lets pass: status, reason, request id.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from ..core.verdict import Reason

MEDIA_TYPE: Final = b"application/problem+json"
QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
"""The problem type of 429 answers (draft-ietf-httpapi-ratelimit-headers)."""
REDUCED_CAPACITY: Final = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
"""The problem type of what found no room (the same draft)."""
URN: Final = "urn:garrison:refusal:"
"""Begins the problem type of every other refusal; the reason follows."""

_HINT_LIMIT: Final = 300
_ID_LIMIT: Final = 80
_REASONS: Final = frozenset(Reason)
_TITLES: Final = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
"""Titles of RFC 9110 that older Python versions name differently."""
_SENTENCES: Final = {
    400: "The request could not be understood.",
    401: "You need to log in first.",
    403: "This request is not allowed.",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    413: "The request is too large.",
    414: "The address is too long.",
    415: "This kind of content is not accepted here.",
    421: "This host is not served here.",
    429: "Too many requests. Wait a moment and try again.",
    431: "The request headers are too large.",
    500: "Something went wrong on our side.",
    503: "The service is not available at the moment. Try again later.",
}


def title(status: int) -> str:
    """The status' phrase (RFC 9110, section 15)."""
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def clean(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, printable ones only."""
    return "".join(character for character in text[:limit] if character.isprintable())


def sentence(status: int, hint: str) -> str:
    """What to tell the client: the hint, or a general sentence for the status."""
    return clean(hint, _HINT_LIMIT) or _SENTENCES.get(status, "The request could not be served.")


def type_uri(reason: str) -> str:
    """The problem type: stable, and never relative. `about:blank` for what is no refusal of ours."""
    if reason == Reason.RATE_LIMITED:
        return QUOTA_EXCEEDED
    if reason == Reason.OVERLOADED:
        return REDUCED_CAPACITY
    return f"{URN}{reason}" if reason in _REASONS else "about:blank"


def document(status: int, *, reason: str, request_id: str, hint: str = "", **members: object) -> bytes:
    """The encoded problem document. `members` are further JSON values, already safe."""
    return json.dumps(
        {
            "type": type_uri(reason),
            "title": title(status),
            "status": status,
            "detail": sentence(status, hint),
            "reason": clean(reason, _ID_LIMIT),
            "request_id": clean(request_id, _ID_LIMIT),
            **members,
        },
        separators=(",", ":"),
    ).encode()
