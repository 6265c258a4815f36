"""The policy of one receiver of events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen


class ExportTable(Frozen):
    """A receiver that events are sent to, in a thread of its own."""

    to: str
    """`syslog+tls://host:6514`, `https://…` (signed webhook), `otlp+https://…`, `rediss://…/0`, or a file's path."""
    format: Literal["json", "ocsf", "cef"] = "json"
    """How an event is written; OTLP has its own."""
    least: Literal["info", "notice", "warning", "error", "critical"] = "info"
    """Events below this severity are left out."""
    ca: str = ""
    """File with the authorities that may have signed the receiver's certificate; empty takes the system's."""
    metrics: bool = False
    """OTLP: send counts of events as well, to `/v1/metrics`."""
    queue: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Events that wait while the receiver is away."""
    stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._-]{1,128}$")] = "garrison:events"
    """Name of the Redis stream."""
    keep: Annotated[int, Field(ge=1000)] = 100_000
    """About how many events the Redis stream holds."""
