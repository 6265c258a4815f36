"""Checks of `serve`: deadlines that hold nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..findings.severity import Severity
from .checks import Objection, Subject, check

LONGEST: Final = {
    "handshake": 60.0, "header": 60.0, "body_grace": 120.0, "write_grace": 120.0, "keep_alive": 600.0, "ping": 120.0,
}  # fmt: skip
"""Seconds that still bound a slow client; common servers' own defaults lie at or below these."""
SLOWEST: Final = 100
"""Bytes per second. The slowest mobile links bring a multiple of it."""


@check(
    "P042", "Slow clients are hardly bounded", Severity.MEDIUM,
    consequence="A few machines that send or read very slowly can keep every connection busy.",
    remedy="Shorten the time, or raise the rate; a slow but honest client stays well above 500 bytes per second.",
    reference="docs/serve/limits.md", cwe=(400, 770),
)  # fmt: skip
def unbounded_slowness(subject: Subject) -> Iterator[Objection]:
    serve = subject.policy.serve
    for name, longest in LONGEST.items():
        seconds: float = getattr(serve, name)
        if seconds > longest:
            yield Objection(f"serve.{name}", f"{seconds:g} seconds, more than {longest:g}.")
    for name in ("body_rate", "write_rate"):
        rate: int = getattr(serve, name)
        if rate < SLOWEST:
            yield Objection(f"serve.{name}", f"{rate} bytes per second, fewer than {SLOWEST}.")
