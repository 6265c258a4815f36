"""One event on one line for a person's eyes: at a developer's terminal, and in `garrison events`.

Assumption: an event's texts hold nothing but printable characters (`text.py`), so none of them can recolour the
terminal or begin a new line. Colour only repeats what words say, and stays away where NO_COLOR is set
(https://no-color.org).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from .event import Event
from .terms import Severity

_LONGEST: Final = 160
_COLOURS: Final = {Severity.CRITICAL: "1;31", Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTICE: "36"}


def when(event: Event, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """The local time, in the form of `strftime`."""
    return datetime.fromtimestamp(event.when).astimezone().strftime(form)


def said(event: Event) -> str:
    """Why, what, who and which request; for what is about no request, its details."""
    request = f"{event.method} {event.path}".strip()
    watched = "would refuse" if event.mode == "monitor" else ""
    parts = [watched, event.reason, event.layer, request, event.client, str(event.status or ""), event.request_id]
    if not request:
        details = event.details.items()
        parts.append(", ".join(f"{name}={value}" for name, value in details if value not in ("", None))[:_LONGEST])
    return "  ".join(part for part in parts if part)


def readable(event: Event, *, colour: bool) -> str:
    """The line, with ANSI colours (ECMA-48, SGR) or without, and without a line feed."""
    name = f"{event.name:<24}"
    if not colour:
        return f"{when(event, '%H:%M:%S')}  {name} {said(event)}".rstrip()
    shade = _COLOURS.get(event.severity, "0")
    return f"\x1b[2m{when(event, '%H:%M:%S')}\x1b[0m  \x1b[{shade}m{name}\x1b[0m {said(event)}".rstrip()
