"""Downloads: a stored file as an answer that never becomes a page, and links to it that end.

Threat: see `garrison.inputs.downloads`. Every answer has its own name, `nosniff`, and a Content-Security-Policy with
`sandbox` (beside the policy's own, where the layer `csp` enforces one), whatever its type; a type that browsers show
is only used where the file was written by us. Range and conditional requests work (RFC 9110, sections 13 and 14): the
ETag is the file's SHA-256, so a changed file never continues another.

Lets pass: whoever is handed the file; check who asks before `download`, or take `signed_link`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from ..accounts.authorisation import PUBLIC, enforces
from ..core.verdict import Reason, Refuse
from ..inputs.downloads import HEADERS, INLINE, disposition, link_holds, link_query
from ..policy.units import parse_duration
from .accounts import refuse
from .current import exchange

_PURPOSE: Final = "download"
_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')
_BYTES: Final = re.compile(rb"\s*bytes\s*=", re.IGNORECASE)
_UNSPECIFIC: Final = "application/octet-stream"


def download(
    request: Request,
    path: Path,
    name: str,
    sha256: str,
    *,
    media: str = _UNSPECIFIC,
    inline: bool = False,
    age: int = 0,
) -> Response:
    """The file at `path` as an answer.

    name     what the browser calls it
    sha256   its hash, for the ETag
    media    its type; one that browsers show in place only goes out as such if it is a picture (`INLINE`)
    inline   show it in place: pictures only, everything else is saved
    age      seconds a browser may keep it without asking (`private`); 0 for `no-store`, which the layer `cache` writes
             anyway where somebody is logged in
    """
    exchange(request).sandboxed = True
    shown = inline and media in INLINE
    headers = {
        **HEADERS,
        "Content-Disposition": disposition(name, inline=shown),
        "Cache-Control": f"private, max-age={age}" if age else "no-store",
        "ETag": f'"{sha256}"',
    }
    if request.method in {"GET", "HEAD"} and _is_known(request.headers.getlist("if-none-match"), sha256):
        return Response(status_code=304, headers=headers)
    kind = media if media in INLINE else _UNSPECIFIC
    return _File(path, media_type=kind, headers=headers)


class _File(FileResponse):
    """A file whose ranges are bytes: another unit is no range (RFC 9110, section 14.2), so the file comes whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range" or _BYTES.match(value)]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_known(lines: list[str], tag: str) -> bool:
    """RFC 9110, 13.1.2: weak comparison, any of a list, or `*`."""
    value = ",".join(lines)[:8192]
    return value.strip() == "*" or tag in _TAG.findall(value)


def link(request: Request, path: str, lifetime: str | float = "10 min", *, principal: str = "") -> str:
    """`path` with a signature that ends after `lifetime` (at most 7 days): for whoever has it, or for `principal` (an
    id) alone. Raises ValueError for a lifetime that is none."""
    current = exchange(request)
    expires = int(current.services.clock.wall() + parse_duration(lifetime)) + 1
    return f"{path}?{link_query(current.services.signer(_PURPOSE), path, expires, principal)}"


@enforces(PUBLIC)
def _signed_link(request: Request) -> None:
    current = exchange(request)
    expires, signature = (request.query_params.getlist(name) for name in ("expires", "signature"))
    principals = ("", current.principal.id) if current.principal else ("",)
    sign, now = current.services.signer(_PURPOSE), current.services.clock.wall()
    if len(expires) == len(signature) == 1 and any(
        link_holds(sign, request.url.path, expires[0], signature[0], now, who) for who in principals
    ):
        return
    refuse(
        current,
        Refuse(Reason.CREDENTIAL_INVALID, 403, layer="downloads", detail="link", hint="This link is no longer good."),
    )


signed_link: Final[Dependency] = Depends(_signed_link)
"""For whoever has a link made by `link`: `@app.get("/files/{id}", dependencies=[signed_link])`."""
