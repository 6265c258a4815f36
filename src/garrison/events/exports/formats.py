"""One event as text for one receiver: JSON lines, OCSF, CEF, and the syslog message around it.

Threat: a value that ends its field, record or frame and begins another (CWE-117). Texts of an event hold nothing but
printable characters; here what delimits in each format is escaped as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from ..event import Event
from ..terms import Severity
from ..version import VERSION
from .ocsf import to_ocsf

_CEF_SEVERITY: Final = {
    Severity.INFO: 1, Severity.NOTICE: 3, Severity.WARNING: 6, Severity.ERROR: 8, Severity.CRITICAL: 10,
}  # fmt: skip
_AUTHPRIV: Final = 10
"""RFC 5424, section 6.2.1: security and authorisation messages."""


def as_json(event: Event) -> str:
    return event.to_json()


def as_ocsf(event: Event) -> str:
    return json.dumps(to_ocsf(event), ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def as_cef(event: Event) -> str:
    """ArcSight Common Event Format, version 0 (revision 27)."""
    head = ("CEF:0", "Garrison", "garrison", VERSION, event.name.value, event.sentence)
    pairs = {
        "rt": str(int(event.when * 1000)), "src": event.client, "suser": event.principal, "dvchost": event.node,
        "dhost": event.host, "requestMethod": event.method, "request": event.path, "outcome": event.outcome.value,
        "requestClientApplication": event.agent, "reason": event.reason, "externalId": event.request_id,
        "cat": event.category.value, "cs1Label": "layer" if event.layer else "", "cs1": event.layer,
        "cs2Label": "details" if event.details else "",
        "cs2": json.dumps(dict(event.details), ensure_ascii=True) if event.details else "",
        "cn1Label": "status" if event.status else "", "cn1": str(event.status) if event.status else "",
    }  # fmt: skip
    extension = " ".join(f"{key}={_cef_value(value)}" for key, value in pairs.items() if value)
    return f"{'|'.join(map(_cef_head, head))}|{_CEF_SEVERITY[event.severity]}|{extension}"


FORMATS: Final[Mapping[str, Callable[[Event], str]]] = {"json": as_json, "ocsf": as_ocsf, "cef": as_cef}


def syslog_message(event: Event, text: str) -> bytes:
    """`text` as an RFC 5424 message, without a frame."""
    header = f"<{_AUTHPRIV * 8 + event.severity.syslog}>1 {event.time[:26]}Z"
    names = f"{_word(event.node, 255)} garrison {event.pid or '-'} {_word(event.name.value, 32)} -"
    return f"{header} {names} {text}".encode()


def framed(message: bytes) -> bytes:
    """Octet counting (RFC 5425, section 4.3): a message can't end early and begin another."""
    return b"%d %b" % (len(message), message)


def _word(text: str, limit: int) -> str:
    """PRINTUSASCII without blanks (RFC 5424, section 6)."""
    return "".join(one if "!" <= one <= "~" else "?" for one in text[:limit]) or "-"


def _cef_head(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")
