"""What goes out as a file: how it is named, how long a link to it holds.

Threat: a stored file that becomes a page of this site (CWE-79, CWE-434), a name that splits headers or is shown as
another (CWE-113; RFC 6266, section 4.3), a link that works for ever and for any file (CWE-639).
Lets pass: whoever has a signed link, has the file until the link ends, unless it was signed for one principal.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from ..core.ports import Sign
from .uploads.names import display_name

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every download. Where the layers own one of them, theirs goes out."""

INLINE: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What may be shown in place: pictures that were decoded and written anew. All else is saved."""

_MOST_LIFETIME: Final = 7 * 86400
_ATTR_CHARS: Final = "!#$&+-.^_`|~"  # RFC 8187, section 3.2.1: attr-char besides letters and digits
_PLAIN: Final = frozenset(" !#$&'()+,-.0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{}~")


def disposition(name: str, *, inline: bool = False) -> str:
    """`Content-Disposition` for a file called `name` (RFC 6266): ASCII for old clients, and all of it in UTF-8."""
    shown = display_name(name)
    plain = "".join(char if char in _PLAIN else "_" for char in shown)
    kind = "inline" if inline else "attachment"
    if plain == shown:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe=_ATTR_CHARS)}"


def link_query(sign: Sign, path: str, expires: int, principal: str = "") -> str:
    """`expires` and `signature` for a link to `path`, good until `expires` (wall time in seconds) for `principal`, or
    for whoever has it."""
    return urlencode({"expires": expires, "signature": sign.sign(_signed(path, expires, principal))})


def link_holds(sign: Sign, path: str, expires: str, signature: str, now: float, principal: str = "") -> bool:
    """Whether a link is one of ours and has not ended at `now`. Takes whatever a client sent."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    end = int(expires)
    return now < end <= now + _MOST_LIFETIME and sign.verify(_signed(path, end, principal), signature)


def _signed(path: str, expires: int, principal: str) -> bytes:
    return b"".join(b"%d:%b" % (len(part), part) for part in (path.encode(), str(expires).encode(), principal.encode()))
