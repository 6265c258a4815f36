"""Events as OCSF 1.3 (schema.ocsf.io): HTTP Activity, Authentication, Account Change, Authorize Session, Detection
Finding, Application Lifecycle. What has no attribute there stays under `unmapped`.

Lets pass: values that OCSF wants and Garrison does not know are left out, not invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..event import Event
from ..terms import Category, Outcome, Severity
from ..version import VERSION as OURS

VERSION: Final = "1.3.0"
_HTTP, _AUTHN, _ACCOUNT, _AUTHZ, _FINDING, _APP = 4002, 3002, 3001, 3003, 2004, 6002
_CLASSES: Final[Mapping[Category, int]] = {
    Category.AUTHENTICATION: _AUTHN, Category.SESSION: _AUTHN, Category.ACCOUNT: _ACCOUNT,
    Category.AUTHORIZATION: _AUTHZ, Category.ATTACK: _FINDING, Category.SYSTEM: _APP,
}  # fmt: skip
_SEVERITIES: Final = {
    Severity.INFO: 1, Severity.NOTICE: 2, Severity.WARNING: 3, Severity.ERROR: 4, Severity.CRITICAL: 5,
}  # fmt: skip
_ACTIVITIES: Final[Mapping[str, int]] = {
    "authn_login_success": 1, "authn_login_successafterfail": 1, "authn_login_fail": 1, "session_created": 1,
    "session_ended": 2, "session_expired": 2, "user_created": 1, "user_deleted": 6, "authn_password_change": 3,
    "sys_startup": 3, "sys_shutdown": 4, "sys_restart": 5,
}  # fmt: skip
"""`activity_id` within the event's class; 99 is "other"."""
_METHODS: Final = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE")


def to_ocsf(event: Event) -> dict[str, Any]:
    """The event as one OCSF object, ready for JSON."""
    kind = _CLASSES.get(event.category, _HTTP if event.kind else _APP)
    activity = _activity(event, kind)
    found: dict[str, Any] = {
        "category_uid": kind // 1000, "class_uid": kind, "activity_id": activity, "type_uid": kind * 100 + activity,
        "time": int(event.when * 1000), "severity_id": _SEVERITIES[event.severity], "message": event.sentence,
        "status_id": 1 if event.outcome in (Outcome.SUCCESS, Outcome.NOTED) else 2,
        "metadata": {
            "version": VERSION, "profiles": ["security_control"], "event_code": event.name.value,
            "uid": f"{event.run}-{event.seq}", "sequence": event.seq, "correlation_uid": event.request_id,
            "logged_time": int(event.when * 1000),
            "product": {"name": "Garrison", "vendor_name": "Garrison", "version": OURS},
        },
        "device": {"hostname": event.node, "type_id": 1},
        "unmapped": {
            name: value for name in ("layer", "route", "mode", "session", "trace_id", "span_id", "client_key")
            if (value := getattr(event, name))
        } | dict(event.details),
    }  # fmt: skip
    return found | _decided(event) | _request(event) | _who(event, kind) | _about(event, kind)


def _activity(event: Event, kind: int) -> int:
    if kind == _HTTP:
        return _METHODS.index(event.method) + 1 if event.method in _METHODS else 99
    if kind == _FINDING:
        return 1
    return _ACTIVITIES.get(event.name.value, 99)


def _decided(event: Event) -> dict[str, Any]:
    if event.outcome is Outcome.REFUSED:
        return {"action_id": 2, "disposition_id": 2, "status_detail": event.reason}
    if event.outcome is Outcome.WOULD_REFUSE:
        return {"action_id": 1, "disposition_id": 17, "status_detail": event.reason}
    return {"status_detail": event.reason} if event.reason else {}


def _request(event: Event) -> dict[str, Any]:
    if not event.kind:
        return {}
    url = {"hostname": event.host, "path": event.path, "scheme": "https" if event.kind == "http" else "wss"}
    request = {"http_method": event.method, "url": url, "user_agent": event.agent, "uid": event.request_id}
    found: dict[str, Any] = {"http_request": request, "src_endpoint": {"ip": event.client}}
    return found | ({"http_response": {"code": event.status}} if event.status else {})


def _who(event: Event, kind: int) -> dict[str, Any]:
    name = event.principal or str(event.details.get("account", ""))
    user = {"name": name} if name else {"type_id": 0}
    if kind in (_AUTHN, _ACCOUNT, _AUTHZ):
        return {"user": user}
    return {"actor": {"user": user}} if name else {}


def _about(event: Event, kind: int) -> dict[str, Any]:
    if kind == _FINDING:
        return {"finding_info": {"uid": f"{event.run}-{event.seq}", "title": event.sentence}}
    return {"app": {"name": "Garrison", "version": OURS}} if kind == _APP else {}
