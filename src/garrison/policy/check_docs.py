"""The registered checks as a table for the documentation."""

from __future__ import annotations

from .checks import Check, registered

_COLUMNS = ("Id", "Severity", "What", "What follows", "What to do", "Reference")


def checks_table() -> str:
    """One Markdown row for each check, in the order of their ids."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_row, registered().values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(entry: Check) -> tuple[str, ...]:
    severity = f"{entry.severity}, in production" if entry.production_only else str(entry.severity)
    texts = (entry.title, entry.consequence, entry.remedy, entry.reference)
    return (entry.id, severity, *(text.replace("|", "\\|") for text in texts))
