"""Events as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events.event import Event
from ..events.readable import said, when
from ..events.terms import Severity
from ..layers.content import UNTYPED
from ..layers.target import KEYS
from ..policy.load import Loaded
from .output import paragraph, safe
from .why import why

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_TRACE = "Trace"
_LINE_FEED = r"\x0a"
"""How an event, which is one line, holds a line feed."""
_BOLD = {"What": "bold", "Why": "bold"}
_STYLES = {Severity.CRITICAL: "bold red", Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}


def line(event: Event) -> Text:
    """One event on one line: when, what, who, which request."""
    text = safe(f"{when(event)}  ", "dim")
    text.append_text(safe(f"{event.name:<28}", _STYLES.get(event.severity, "")))
    text.append_text(safe(said(event)))
    return text


def explained(event: Event, loaded: Loaded) -> Table:
    """One event with all it says, and for a refusal the rule, its place, and what to change."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in rows(event, loaded):
        if text:
            table.add_row(name, paragraph(text) if name == _TRACE else safe(text, _BOLD.get(name, "")))
    table.add_row("", "")
    return table


def rows(event: Event, loaded: Loaded) -> list[tuple[str, str]]:
    """Label and text of everything worth reading about the event."""
    told = {name: value for name, value in event.details.items() if value not in ("", None) and name != "trace"}
    details = ", ".join(f"{name}={value}" for name, value in told.items())
    who = " as ".join(part for part in (event.client, event.principal) if part)
    said = [
        ("What", event.sentence),
        ("When", event.time),
        ("Event", f"{event.name} ({event.severity})"),
        ("Request", f"{event.method} {event.path}".strip()),
        ("Host", event.host),
        ("From", who),
        ("Answer", str(event.status or "")),
        ("Details", details),
        (_TRACE, str(event.details.get("trace", "")).replace(_LINE_FEED, "\n").rstrip()),
    ]
    return said + list(_reasons(event, loaded))


def _reasons(event: Event, loaded: Loaded) -> list[tuple[str, str]]:
    known = why(event.reason)
    if known is None:
        return []
    refused = "would have been refused (monitor mode)" if event.mode == "monitor" else "was refused"
    key = decisive_key(known.key, event, loaded)
    return [
        ("Why", f"The request {refused} because {known.rule}."),
        ("Layer", f"{event.layer}, on the route class {event.route or 'default'}"),
        ("Reason", event.reason),
        ("Rule", f"{key} ({loaded.source(key)})" if key else "limit() at the endpoint, in the application's code"),
        ("To change", known.change),
    ]


def decisive_key(key: str, event: Event, loaded: Loaded) -> str:
    """The policy key that decided for the event's route class: the class's own where it sets the section.

    Empty when the rule stands in the application's code and not in the policy.
    """
    key = _narrowed(key, str(event.details.get("detail", "")))
    section = key.partition(".")[0]
    for index, route in enumerate(loaded.policy.routes):
        if route.name == event.route and section in route.sections:
            return f"routes.{index}.{key}"
    return key


def _narrowed(key: str, detail: str) -> str:
    """The exact key, where the event's detail tells it: which limit was spent, what is odd about a path."""
    if key == "rate.address":
        if "endpoint:" in detail:
            return ""
        return next((f"rate.{scope.replace('-', '_')}" for scope in ("principal", "api-key") if scope in detail), key)
    if key == "target.mode":
        return next((f"target.{name}" for fault, name in KEYS.items() if fault in detail.split()), key)
    if key == "content.types" and detail == UNTYPED:
        return "content.require_type"
    return "host.ports" if key == "hosts" and detail.startswith("port ") else key


def plain(event: Event, loaded: Loaded) -> dict[str, Any]:
    """The event and, for a refusal, its explanation, ready for JSON."""
    known = why(event.reason)
    if known is None:
        return event.to_dict()
    key = decisive_key(known.key, event, loaded)
    said = {"because": known.rule, "key": key, "source": str(loaded.source(key)), "change": known.change}
    return {**event.to_dict(), "why": said}
