"""Garrison's own answers, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any, Final

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("in", "field", "rule", "detail")},
            },
        },
    },
}
_REFUSALS: Final = {
    400: "Malformed request",
    401: "Nobody is logged in, or the credential is not valid",
    403: "Refused: cross-site, or the CSRF token is missing or wrong",
    413: "Body too large",
    415: "Content type or encoding not accepted",
    422: "Values are missing or not valid: field and rule, never what was sent",
    429: "Rate limit exceeded; see Retry-After and RateLimit",
    503: "Temporarily refused",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for what Garrison may answer: `FastAPI(responses=refusals())`, or some of them by status.

    Raises ValueError for a status Garrison does not answer with.
    """
    unknown = [status for status in statuses if status not in _REFUSALS]
    if unknown:
        raise ValueError(f"Garrison does not refuse with {unknown[0]}; choose of {', '.join(map(str, _REFUSALS))}")
    return {
        status: {
            "description": _REFUSALS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
        for status in statuses or tuple(_REFUSALS)
    }
