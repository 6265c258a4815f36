"""The policy of the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen, Names
from .units import Seconds

_YEAR = 31_536_000.0


class AuditSection(Frozen):
    """The tamper-evident record of security-relevant events, in the state folder."""

    enabled: bool = True
    """Keep the audit log."""
    chatter: bool = False
    """Record events that any anonymous client can cause without limit as well ("gives way" in the catalogue)."""
    on_failure: Literal["refuse", "buffer"] = "buffer"
    """While it can't be written: "refuse" requests with side effects, or go on and "buffer" up to `events.queue`."""
    checkpoint: Annotated[Seconds, Field(ge=1)] = 60.0
    """How often what is new is signed and shipped."""
    transit: str = ""
    """Sign with this key of `[vault.transit]` (type ed25519), which is not on this machine; empty: the root key's."""
    ship: Names = ()
    """Where checkpoints go: a file on another volume, `https://…`, `syslog+tls://host:6514`, `s3://bucket/prefix`."""
    segment: Annotated[int, Field(ge=100)] = 500_000
    """Entries of one file; then a new one begins."""
    personal: Annotated[Seconds, Field(ge=0)] = _YEAR
    """How long personal fields are kept; 0 keeps them as long as their entries."""
    keep: Annotated[Seconds, Field(ge=0)] = 5 * _YEAR
    """How long entries are kept, in whole files; 0 keeps them for ever."""
