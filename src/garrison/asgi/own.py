"""Garrison's own endpoints, under the reserved prefix: helper scripts (CSRF, Trusted Types) and the browsers' reports.

They stand where the application would: every layer has judged the request before it comes here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ..core.drill import HEADER as DRILL_HEADER
from ..core.names import STATE_KEY
from ..core.ports import Services
from ..core.verdict import Mode, Refuse
from ..events.exports.metrics import CONTENT_TYPE
from ..events.vocabulary import EventName
from ..layers.reports import parse_reports, to_event_details
from ..policy.csp import BadDirective
from ..policy.model import Policy
from . import record
from .types import Receive, Scope, Send

SCRIPT = "csrf.js"
TRUSTED = "trusted-types.js"
REPORTS = "reports"
METRICS = "metrics"
DRILL = "drill"
_SCRIPT_FILE = Path(__file__).with_name("helper.js")
_TRUSTED_FILE = Path(__file__).with_name("trusted.js")


class Own:
    """An application for every path below `prefix`. No other path comes here."""

    def __init__(self, policy: Policy, services: Services) -> None:
        self.prefix = policy.prefix
        self._services = services
        self._max_reports = policy.reports.max_reports
        self._scripts = {SCRIPT: _SCRIPT_FILE.read_bytes()}
        if name := policy_name(policy):
            self._scripts[TRUSTED] = _TRUSTED_FILE.read_bytes().replace(b"@POLICY@", name.encode("ascii"))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[Any]:
        name = scope["path"].removeprefix(self.prefix)
        if name == METRICS and scope["state"][STATE_KEY].facts.operator:
            return self._serve_metrics(scope, receive, send)  # to everybody else it is not there
        if name == DRILL and scope["state"][STATE_KEY].facts.drill:
            return _say_drill(scope, receive, send)  # whoever prepares a drill learns that its mark holds
        serve = self._endpoint(name, scope["method"])
        return serve(scope, receive, send)

    def _endpoint(self, name: str, method: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        allowed = {**dict.fromkeys(self._scripts, ("GET", "HEAD")), REPORTS: ("POST",)}.get(name)
        if allowed is None:
            return _not_found
        if method not in allowed:
            return _not_allowed(allowed)
        return self._take_reports if name == REPORTS else self._serve_script

    async def _serve_script(self, scope: Scope, receive: Receive, send: Send) -> None:
        script = self._scripts[scope["path"].removeprefix(self.prefix)]
        headers = [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"cache-control", b"public, max-age=3600"),
        ]
        await _answer(send, 200, headers, b"" if scope["method"] == "HEAD" else script, len(script))

    async def _serve_metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._services.metrics()
        headers = [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store")]
        await _answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body, len(body))

    async def _take_reports(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        if body is None:
            return
        exchange = scope["state"][STATE_KEY]
        content_type = exchange.facts.headers.get(b"content-type", b"")
        reports = parse_reports(content_type, body, self._max_reports)
        if isinstance(reports, Refuse):
            record.refused(self._services.emit, exchange.facts, reports, Mode.ENFORCE, "reports")
            await _answer(send, reports.status, [], b"")
            return
        for report in reports:
            self._services.emit(EventName.BROWSER_REPORT, exchange.facts, **to_event_details(report))
        await _answer(send, 204, [], b"")


def policy_name(policy: Policy) -> str:
    """The name of the Trusted Types policy: one script makes it for all pages. Raises `BadDirective` for two names."""
    names = {policy.effective(route).csp.trusted_types for route in (None, *policy.routes)} - {""}
    if len(names) > 1:
        remedy = "Give every route class the same csp.trusted_types, or none."
        raise BadDirective("trusted-types", f"has two names, {' and '.join(sorted(names))}, for one script", remedy)
    return "".join(names)


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, already bounded by the size layer; None when the client went away."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _answer(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, length: int | None = None
) -> None:
    if status != 204:
        headers = [*headers, (b"content-length", str(len(body) if length is None else length).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _say_drill(scope: Scope, receive: Receive, send: Send) -> None:
    drill = scope["state"][STATE_KEY].facts.drill
    await _answer(send, 204, [(DRILL_HEADER, drill.encode("ascii")), (b"cache-control", b"no-store")], b"")


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await _answer(send, 404, [], b"")


def _not_allowed(methods: tuple[str, ...]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 405, [(b"allow", ", ".join(methods).encode("ascii"))], b"")

    return refuse
