"""Find the CSRF token in the first bytes of a form.

Threat: the parser reads bytes an attacker chose, before the application does, so it has to be cheap and must not be
led to take a token from where the application would not: a file's content, a name that only looks like ours.
Assumption: a token found here is still verified; finding nothing refuses the request.
Lets pass (refused by the layer for want of a token): a field behind a file or behind the prefix, percent-encoded
field names, multipart with a preamble or folded header lines. No browser sends those.
Sources: WHATWG URL (application/x-www-form-urlencoded), RFC 7578 and RFC 2046 section 5.1.1 (multipart/form-data).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from ..core.names import CSRF_FIELD

Find: TypeAlias = Callable[[bytes, bool], bytes | None]
"""`(prefix, complete)` to the field's value, or None when it is not (wholly) there."""

_NAME: Final = CSRF_FIELD.encode("ascii")
_KEY: Final = _NAME + b"="
_BOUNDARY = re.compile(rb"""(?i);[ \t]*boundary=(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))[ \t]*(?:;|$)""")
_DISPOSITION = re.compile(rb"(?im)^content-disposition:[ \t]*form-data[ \t]*;([^\r\n]*)\r?$")
_PARAMETER = re.compile(rb"""(?i)(?:^|;)[ \t]*([a-z*]{1,20})=("(?:[^"\\]|\\.)*"|[^\s;"]*)""")
_LONGEST_HEADERS: Final = 4096


def form_reader(content_type: bytes) -> Find | None:
    """The finder for a body of this Content-Type; None when it is no form, or a multipart without a usable boundary."""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == b"application/x-www-form-urlencoded":
        return find_in_urlencoded
    if media_type != b"multipart/form-data":
        return None
    match = _BOUNDARY.search(content_type)
    if match is None:
        return None
    boundary = match[1] or match[2]
    return lambda prefix, _complete: find_in_multipart(prefix, boundary)


def find_in_urlencoded(prefix: bytes, complete: bool) -> bytes | None:
    """The first `csrf_token` value. One at the end of an incomplete prefix may be cut: it counts as absent."""
    at = prefix.find(_KEY)
    while at > 0 and prefix[at - 1] != ord("&"):
        at = prefix.find(_KEY, at + 1)
    if at < 0:
        return None
    start = at + len(_KEY)
    end = prefix.find(b"&", start)
    if end < 0:
        if not complete:
            return None
        end = len(prefix)
    return unquote_to_bytes(prefix[start:end].replace(b"+", b" "))


def find_in_multipart(prefix: bytes, boundary: bytes) -> bytes | None:
    """The content of the part named `csrf_token`, looked for up to the first file."""
    delimiter = b"\r\n--" + boundary
    if not prefix.startswith(delimiter[2:]):
        return None
    at = len(delimiter) - 2
    while prefix.startswith(b"\r\n", at):
        head_end = prefix.find(b"\r\n\r\n", at, at + _LONGEST_HEADERS)
        end = prefix.find(delimiter, head_end + 4) if head_end >= 0 else -1
        name = _field_name(prefix[at + 2 : head_end]) if end >= 0 else None
        if name is None:
            return None
        if name == _NAME:
            return prefix[head_end + 4 : end]
        at = end + len(delimiter)
    return None


def _field_name(head: bytes) -> bytes | None:
    """The name of a plain field; None for a file, and for a part we can't be sure about."""
    lines = _DISPOSITION.findall(head)
    if len(lines) != 1:
        return None
    parameters = [(key.lower(), value) for key, value in _PARAMETER.findall(lines[0])]
    names: list[bytes] = [value for key, value in parameters if key == b"name"]
    if len(names) != 1 or any(key.startswith(b"filename") for key, _ in parameters):
        return None
    return names[0].removeprefix(b'"').removesuffix(b'"')
