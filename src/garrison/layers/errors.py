"""Error answers: refusals, unhandled exceptions and validation errors, without a word too many.

Threat: error bodies leak stack traces, versions, paths and what other people sent (CWE-209, CWE-497), or reflect input
into a page (CWE-79; OWASP ASVS 5.0 16.5). Assumption: the onion renders all refusals and unhandled exceptions here.
Lets pass: the application's own error answers, byte for byte, except validation errors (`validation.py`).

The page has no style and no script, so that it works under any Content-Security-Policy; `color-scheme` gives it a dark
mode all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from ..core.headers import RawHeaders
from ..core.layer import Layer
from ..core.ports import Services
from ..core.verdict import Mode
from ..policy.model import Policy
from .accept import prefers_html
from .problem import MEDIA_TYPE, clean, document, sentence, title
from .validation import safe_validation

__all__ = ["Renderer", "compile", "compile_errors", "safe_validation"]

_HTML: Final = b"text/html; charset=utf-8"
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{status} {title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{sentence}</p>
<hr>
<p><small>Status {status}, reason <code>{reason}</code>, request <code>{request_id}</code></small></p>
</main>
</body>
</html>
"""


def compile(policy: Policy, services: Services) -> Layer:
    """The layer's place in the stack. It owns no header: the onion asks `Renderer`."""
    return Layer("errors", mode=policy.errors.mode)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders error answers.

    `validation` and `unhandled` say whether 422 bodies and unhandled exceptions are to be replaced at all. Refusals are
    always rendered.
    """

    validation: bool = True
    unhandled: bool = True

    def render(
        self,
        status: int,
        *,
        reason: str,
        accept: bytes,
        request_id: str,
        hint: str = "",
        retry_after: int | None = None,
        method: str = "GET",
    ) -> tuple[RawHeaders, bytes]:
        """Headers and body. `reason` is a `Reason` or a word of ours; `accept` is the request's header, unchecked.

        `retry_after` is in seconds. For HEAD the body is empty and the headers are those of GET.
        """
        html = prefers_html(accept)
        if html:
            body = _page(status, reason, request_id, hint)
        else:
            body = document(status, reason=reason, request_id=request_id, hint=hint)
        headers = [
            (b"content-type", _HTML if html else MEDIA_TYPE),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        if retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(0, retry_after)))
        return headers, b"" if method == "HEAD" else body


def compile_errors(policy: Policy) -> Renderer:
    """The renderer for `policy`, which is effective for one route class."""
    on = policy.errors.mode is not Mode.OFF
    return Renderer(
        validation=on and policy.errors.validation == "safe",
        unhandled=on and policy.errors.unhandled == "safe",
    )


def _page(status: int, reason: str, request_id: str, hint: str) -> bytes:
    return _PAGE.format(
        status=status,
        title=title(status),
        sentence=escape(sentence(status, hint)),
        reason=escape(clean(reason, 80)),
        request_id=escape(clean(request_id, 80)),
    ).encode()
