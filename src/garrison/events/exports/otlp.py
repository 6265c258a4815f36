"""Events as OpenTelemetry logs: `ExportLogsServiceRequest` in OTLP's JSON encoding.

Event names, severities and trace ids have places of their own there; attributes follow the semantic conventions for
HTTP, clients and users, the rest stands under `garrison.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ...core.ports import Detail
from ..event import Event
from ..terms import Severity
from ..version import VERSION
from .metrics import Key

_NUMBERS: Final = {
    Severity.INFO: 9, Severity.NOTICE: 10, Severity.WARNING: 13, Severity.ERROR: 17, Severity.CRITICAL: 21,
}  # fmt: skip
_NAMES: Final[Mapping[str, str]] = {
    "client": "client.address", "principal": "user.id", "session": "session.id", "method": "http.request.method",
    "status": "http.response.status_code", "host": "server.address", "path": "url.path",
    "agent": "user_agent.original", "request_id": "http.request.id", "reason": "garrison.reason",
    "layer": "garrison.layer", "route": "garrison.route", "mode": "garrison.mode", "seq": "garrison.seq",
    "run": "garrison.run", "device": "garrison.device",
}  # fmt: skip


def to_otlp(events: Sequence[Event]) -> dict[str, Any]:
    """One request for all of `events`, which are of one node."""
    node = events[0].node if events else ""
    resource = {"service.name": "garrison", "service.version": VERSION, "host.name": node}
    scope = {"name": "garrison.events", "version": VERSION}
    logs = {"scope": scope, "logRecords": [_record(one) for one in events]}
    return {"resourceLogs": [{"resource": {"attributes": _attributes(resource)}, "scopeLogs": [logs]}]}


def to_otlp_metrics(counts: Iterable[tuple[Key, int]], node: str, start: float, now: float) -> dict[str, Any]:
    """`ExportMetricsServiceRequest`: events by name, severity and outcome since wall time `start`, up to `now`."""
    resource = {"service.name": "garrison", "service.version": VERSION, "host.name": node}
    points = [
        {
            "attributes": _attributes({"name": name, "severity": severity, "outcome": outcome}),
            "startTimeUnixNano": _nano(start), "timeUnixNano": _nano(now), "asInt": str(count),
        }
        for (name, severity, outcome), count in counts
    ]  # fmt: skip
    total = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points}  # 2: cumulative
    metric = {"name": "garrison.events", "unit": "{event}", "description": "Security events by name.", "sum": total}
    scope = {"scope": {"name": "garrison.events", "version": VERSION}, "metrics": [metric]}
    return {"resourceMetrics": [{"resource": {"attributes": _attributes(resource)}, "scopeMetrics": [scope]}]}


def _nano(seconds: float) -> str:
    return str(int(seconds * 1e6) * 1000)


def _record(event: Event) -> dict[str, Any]:
    found: dict[str, Detail] = {
        _NAMES[name]: value for name in _NAMES if (value := getattr(event, name))
    }  # fmt: skip
    found |= {"garrison.outcome": event.outcome.value, "garrison.category": event.category.value}
    found |= {f"garrison.detail.{name}": value for name, value in event.details.items()}
    nanoseconds = _nano(event.when)
    record: dict[str, Any] = {
        "timeUnixNano": nanoseconds, "observedTimeUnixNano": nanoseconds, "severityNumber": _NUMBERS[event.severity],
        "severityText": event.severity.value, "eventName": event.name.value, "body": {"stringValue": event.sentence},
        "attributes": _attributes(found),
    }  # fmt: skip
    if event.trace_id:
        record |= {"traceId": event.trace_id, "spanId": event.span_id}
    return record


def _attributes(values: Mapping[str, Detail]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Detail) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}  # 64 bits are text in the JSON of protobuf
        case float():
            return {"doubleValue": value}
    return {"stringValue": "" if value is None else value}
