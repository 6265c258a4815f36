"""How `garrison certs` shows certificates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core.errors import GarrisonError
from .output import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from ..serve.issuing.state import Sets

_LOUD = ("", "yellow", "red", "bold red")


def described(sets: Sets, now: datetime) -> dict[str, Any]:
    """One set of certificates in plain values. `alarm` is 0 to 3; what can't be read alarms loudest."""
    from ..serve.issuing.times import alarm_of, chance_of, renew_at

    progress = sets.progress()
    entry: dict[str, Any] = {"name": sets.name, "failures": progress.failures, "error": progress.error}
    try:
        kept = sets.read()
    except GarrisonError as error:
        return {**entry, "error": str(error), "alarm": 3}
    if kept is None:
        return {**entry, "error": progress.error or "nothing was issued yet", "alarm": 3}
    suggested = datetime.fromtimestamp(progress.suggested, UTC) if progress.suggested else None
    due = renew_at(kept.begins, kept.ends, suggested, chance_of(kept.certificate.serial_number, sets.folder))
    return {
        **entry,
        "names": sorted(kept.names),
        "serial": f"{kept.certificate.serial_number:x}",
        "issuer": kept.certificate.issuer.rfc4514_string(),
        "until": kept.ends.isoformat(),
        "days_left": round((kept.ends - now).total_seconds() / 86_400, 2),
        "expired": kept.ends <= now,
        "renewed_from": due.isoformat(),
        "alarm": max(alarm_of(kept.begins, kept.ends, now), 1 if progress.failures else 0),
    }


def lines(entry: dict[str, Any]) -> Iterator[Text]:
    """The same for people: what is too long for a table at three in the morning, names and reasons, stays whole."""
    loud = _LOUD[entry["alarm"]]
    yield safe(", ".join(entry.get("names", [entry["name"]])), f"bold {loud}".strip())
    if "until" in entry:
        yield safe(f"    serial  {entry['serial']}, from {entry['issuer']}")
        left = "expired" if entry["expired"] else f"{entry['days_left']} days left"
        yield safe(f"    until   {_minute(entry['until'])}, {left}", loud)
        yield safe(f"    renewed from {_minute(entry['renewed_from'])}")
    if entry["error"]:
        yield safe(f"    problem {entry['error']}", loud)


def _minute(stamp: str) -> str:
    return f"{stamp[:16].replace('T', ' ')} UTC"
