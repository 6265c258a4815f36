"""The policy of who is told of alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .quiet_hours import QuietHours, Zone
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
    step: Annotated[int, Field(ge=0, le=9)] = 0
    """0 is told at once; 1 when nobody has acknowledged what 0 was told, and so on."""
    quiet: tuple[QuietHours, ...] = ()
    """Hours in which this receiver is left alone: "22:00-07:00", "sat,sun 00:00-24:00"."""
    zone: Zone = "UTC"
    """The time zone of those hours, such as "Europe/Berlin"."""
    wakes: Literal["notice", "warning", "error", "critical"] = "critical"
    """Alerts of at least this severity are told in quiet hours too; critical ones always are."""


class AlertsSection(Frozen):
    """Who is told of alerts: `docs/detection/alerts.md`."""

    receivers: tuple[AlertReceiver, ...] = ()
    """Receivers: `[[alerts.receivers]]`."""
    escalate: Annotated[Seconds, Field(ge=0)] = 0.0
    """An alert that nobody acknowledges within this time goes to the receivers of the next step. 0: none does."""
    escalate_least: Literal["info", "notice", "warning", "error", "critical"] = "error"
    """Alerts of at least this severity have to be acknowledged."""
    runbooks: str = ""
    """Where your runbooks are: the rule's id is appended to it. Empty: the page that ships."""
