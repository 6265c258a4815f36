"""Events as OCSF 1.3 (schema.ocsf.io): HTTP Activity, Authentication, Account Change, Detection Finding, Application
Lifecycle. What has no attribute there stays under `unmapped`. Tests hold every event against the published schema.

Lets pass: values that OCSF wants and Garrison does not know are not invented. Where one is required, it says so: a user
is called "Unknown", an HTTP status that was not known yet is 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from ..event import Event
from ..terms import Category, Outcome, Severity
from ..version import VERSION as OURS

VERSION: Final = "1.3.0"
_HTTP, _AUTHN, _ACCOUNT, _FINDING, _APP = 4002, 3002, 3001, 2004, 6002
_CLASSES: Final[Mapping[Category, int]] = {
    Category.AUTHENTICATION: _AUTHN, Category.SESSION: _AUTHN, Category.ACCOUNT: _ACCOUNT, Category.ATTACK: _FINDING,
}  # fmt: skip
_SEVERITIES: Final = {
    Severity.INFO: 1, Severity.NOTICE: 2, Severity.WARNING: 3, Severity.ERROR: 4, Severity.CRITICAL: 5,
}  # fmt: skip
_ACTIVITIES: Final[Mapping[int, Mapping[str, int]]] = {
    _AUTHN: {
        "authn_login_success": 1, "authn_login_successafterfail": 1, "authn_login_fail": 1, "session_created": 1,
        "session_ended": 2, "session_expired": 2,
    },
    _ACCOUNT: {"user_created": 1, "user_deleted": 6, "authn_password_change": 3},
    _APP: {"sys_startup": 3, "sys_shutdown": 4, "sys_restart": 5},
}  # fmt: skip
"""`activity_id` within the event's class; 99 is "other"."""
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
"""What the schema takes for a host name."""
_METHODS: Final = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE")
_ABOUT_ACCOUNTS: Final = frozenset({"authn_password_change", "authn_password_change_fail"})
_CONTROLLED: Final = frozenset({_HTTP, _FINDING})
"""Classes that can say what was done about it (the profile security_control)."""
_CONFIDENCE: Final = {"low": 1, "medium": 2, "high": 3}
_KEPT: Final = ("layer", "route", "mode", "session", "device", "trace_id", "span_id", "client_key", "origin")
_OF_REQUEST: Final = ("method", "agent", "status")


def to_ocsf(event: Event) -> dict[str, Any]:
    """The event as one OCSF object, ready for JSON."""
    kind = _kind(event)
    activity = _activity(event, kind)
    profiles = ["host", "security_control"] if kind in _CONTROLLED else ["host"]
    found: dict[str, Any] = {
        "category_uid": kind // 1000, "class_uid": kind, "activity_id": activity, "type_uid": kind * 100 + activity,
        "time": int(event.when * 1000), "severity_id": _SEVERITIES[event.severity], "message": event.sentence,
        "status_id": 1 if event.outcome in (Outcome.SUCCESS, Outcome.NOTED) else 2,
        "metadata": {
            "version": VERSION, "profiles": profiles, "event_code": event.name.value,
            "uid": f"{event.run}-{event.seq}", "sequence": event.seq, "correlation_uid": event.request_id,
            "logged_time": int(event.when * 1000), "product": _PRODUCT,
        },
        "device": {**_machine(event.node), "type_id": 1},
        "unmapped": _rest(event, kind),
    }  # fmt: skip
    return found | _decided(event, kind) | _request(event, kind) | _who(event, kind) | _about(event, kind)


_PRODUCT: Final = {"name": "Garrison", "vendor_name": "Garrison", "version": OURS}


def _kind(event: Event) -> int:
    if event.name.value in _ABOUT_ACCOUNTS or (event.category is Category.AUTHORIZATION and not event.kind):
        return _ACCOUNT
    return _CLASSES.get(event.category, _HTTP if event.kind else _APP)


def _activity(event: Event, kind: int) -> int:
    if kind == _HTTP:
        return _METHODS.index(event.method) + 1 if event.method in _METHODS else 99
    return 1 if kind == _FINDING else _ACTIVITIES[kind].get(event.name.value, 99)


def _rest(event: Event, kind: int) -> dict[str, Any]:
    names = _KEPT if kind == _HTTP and event.method in _METHODS else (*_KEPT, *_OF_REQUEST)
    kept = {name: value for name in names if (value := getattr(event, name))}
    return {"outcome": event.outcome.value, **kept, **event.details}


def _decided(event: Event, kind: int) -> dict[str, Any]:
    found: dict[str, Any] = {"status_detail": event.reason} if event.reason else {}
    if kind not in _CONTROLLED:
        return found
    if event.outcome is Outcome.REFUSED:
        return found | {"action_id": 2, "disposition_id": 2}
    if event.outcome is Outcome.WOULD_REFUSE:
        return found | {"action_id": 1, "disposition_id": 17}
    return found | {"action_id": 0 if event.outcome is Outcome.FAILURE else 1}


def _request(event: Event, kind: int) -> dict[str, Any]:
    if not event.kind or kind == _APP:
        return {}
    source = {"src_endpoint": _endpoint(event.client)} if event.client else {}
    url = {"path": event.path, "scheme": "https" if event.kind == "http" else "wss"}
    url |= {"hostname": event.host} if _HOST.fullmatch(event.host) else {}
    if kind == _FINDING:
        return {"evidences": [{**source, "url": url}]}
    request = {"url": url, "user_agent": event.agent, "uid": event.request_id}
    request |= {"http_method": event.method} if event.method in _METHODS else {}
    found: dict[str, Any] = {"http_request": request, **source}
    return found | ({"http_response": {"code": event.status}} if kind == _HTTP else {})


def _machine(name: str) -> dict[str, str]:
    return {"hostname": name} if _HOST.fullmatch(name) else {"name": name or "Unknown"}


def _endpoint(client: str) -> dict[str, str]:
    try:
        return {"ip": str(ip_address(client))}
    except ValueError:  # a redacted address, or a peer that has none
        return {"name": client}


def _who(event: Event, kind: int) -> dict[str, Any]:
    name = event.principal or str(event.details.get("account", ""))
    if kind in (_AUTHN, _ACCOUNT):
        return {"user": {"name": name} if name else {"name": "Unknown", "type_id": 0}}
    return {"actor": {"user": {"name": name}}} if name else {}


def _about(event: Event, kind: int) -> dict[str, Any]:
    if kind == _FINDING:
        return _finding(event)
    if kind in (_HTTP, _AUTHN):
        return {"dst_endpoint": _machine(event.host or event.node)}
    return {"app": _PRODUCT} if kind == _APP else {}


def _finding(event: Event) -> dict[str, Any]:
    """What was found; an alert brings its own title, id, certainty and techniques."""
    given = event.details
    info: dict[str, Any] = {
        "uid": str(given.get("alert") or f"{event.run}-{event.seq}"), "title": str(given.get("title") or event.sentence)
    }  # fmt: skip
    if techniques := str(given.get("attack") or "").split():
        info["attacks"] = [{"technique": {"uid": one}} for one in techniques]
    sure = _CONFIDENCE.get(str(given.get("confidence")))
    return {"finding_info": info, **({"confidence_id": sure} if sure else {})}
