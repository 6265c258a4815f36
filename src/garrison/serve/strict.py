"""What the parser lets through and two parsers may read differently: the rules on a complete header block.

Threat: request smuggling (CWE-444): a front end and this server that see different ends of one request. RFC 9112
sections 3.2, 6.1 and 6.3 leave a server the choice between refusing and repairing; everything here is refused. Lets
pass: what every parser reads alike, however unusual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_DIGITS: Final = re.compile(rb"[0-9]{1,18}").fullmatch
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE).match
FRAMING: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})


def fault(method: bytes, target: bytes, version: str, framing: Sequence[tuple[bytes, bytes]], upgrade: bool) -> str:
    """What is wrong with a request, or "" for nothing.

    `framing` holds its headers of the names in `FRAMING`, lower-case, in order and as often as they came.
    """
    if len(framing) == 1 and framing[0][0] == b"host" and version == "1.1" and target[:1] == b"/":
        return "a fragment in the target" if b"#" in target else ""  # nearly every request without a body
    hosts = [value for name, value in framing if name == b"host"]
    lengths = [value for name, value in framing if name == b"content-length"]
    transfers = [value for name, value in framing if name == b"transfer-encoding"]
    return (
        _wrong_line(method, target, version)
        or _wrong_host(hosts, target, version)
        or _wrong_length(lengths, transfers, version)
        or ("a body on a request to upgrade" if upgrade and _has_body(lengths, transfers) else "")
    )


def _has_body(lengths: Sequence[bytes], transfers: Sequence[bytes]) -> bool:
    return bool(transfers) or any(length.strip(b"0") for length in lengths)


def _wrong_line(method: bytes, target: bytes, version: str) -> str:
    if version != "1.1" and version != "1.0":
        return "an HTTP version that is not spoken here"
    if target[:1] != b"/" and not _ABSOLUTE(target) and not (target == b"*" and method == b"OPTIONS"):
        return "a target that is no path"
    # RFC 9112 section 3.2: a fragment is no part of a request target
    return "a fragment in the target" if b"#" in target else ""


def _wrong_host(hosts: Sequence[bytes], target: bytes, version: str) -> str:
    if len(hosts) > 1:
        return "more than one Host"
    if not hosts:
        return "no Host" if version == "1.1" else ""
    absolute = _ABSOLUTE(target) if target[:1] != b"/" else None
    # RFC 9112 section 3.2.2: the target's authority counts; who reads Host instead reads another site
    if absolute is not None and absolute[1].lower() != hosts[0].lower():
        return "a Host that contradicts the target"
    return ""


def _wrong_length(lengths: Sequence[bytes], transfers: Sequence[bytes], version: str) -> str:
    if transfers:
        if lengths:
            return "Content-Length beside Transfer-Encoding"
        if version == "1.0":
            return "Transfer-Encoding in HTTP/1.0"
        if len(transfers) > 1 or transfers[0].lower() != b"chunked":
            return "a Transfer-Encoding other than chunked"
    elif lengths and (len(lengths) > 1 or not _DIGITS(lengths[0])):
        return "a Content-Length that is no single number"
    return ""
