"""The policy of who is told of alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen
from .units import Seconds


class AlertReceiver(Frozen):
    """Somebody who is told of alerts, in a thread of its own."""

    to: str
    """`https://…` (signed webhook), or `env:NAME` (any reference) for an address of apprise: mail, chat, pagers."""
    least: Literal["info", "notice", "warning", "error", "critical"] = "warning"
    """Alerts below this severity are left out."""
    confidence: Literal["low", "medium", "high"] = "medium"
    """Alerts that are less sure are left out."""
    gather: Annotated[Seconds, Field(ge=0, le=3600)] = 30.0
    """After a message, what comes within this time goes together into the next."""


class AlertsSection(Frozen):
    """Who is told of alerts: `docs/detection/alerts.md`."""

    receivers: tuple[AlertReceiver, ...] = ()
    """Receivers: `[[alerts.receivers]]`."""
    runbooks: str = ""
    """Where your runbooks are: the rule's id is appended to it. Empty: the page that ships."""
