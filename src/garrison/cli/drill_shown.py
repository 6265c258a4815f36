"""How drills are shown: as data, in words, as a list."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .incident_report import length, when
from .output import Shape, err, out, print_json, safe

if TYPE_CHECKING:
    from ..reactions.drills import Drill
    from ..reactions.incidents import Incident, Incidents
    from .ban_book import Opened


def measured(policy: Path | None, incident: Incident) -> dict[str, str]:
    """What a drill has measured, in words; nothing for an incident that is none."""
    from ..reactions.drills import drill_of
    from .incident_book import with_incidents

    if not incident.drill:
        return {}
    made = with_incidents(policy, lambda _, opened: drill_of(opened.records, incident.drill))
    return dict(lines_of(made, incident)) if made else {}


def as_data(made: Drill, incident: Incident | None) -> dict[str, Any]:
    """A drill as data: moments, and seconds from the first request on."""
    contained = incident.contained if incident else 0.0
    return {
        **asdict(made), "contained": contained,
        "to_detect": made.seconds(made.detected), "to_alert": made.seconds(made.alerted),
        "to_contain": made.seconds(contained),
    }  # fmt: skip


def lines_of(made: Drill, incident: Incident | None) -> list[tuple[str, str]]:
    """What came of it, in words."""
    contained = incident.contained if incident else 0.0
    by = f", by {incident.contained_by}" if incident else ""
    return [
        ("detected after", _took(made, made.detected, f", by the rule {made.rule}", "never: no rule spoke")),
        ("told after", _took(made, made.alerted, f", {made.receiver}", "never: no receiver took a message")),
        ("contained after", _took(made, contained, by, f"not yet: garrison incident contain {made.incident} --ban …")),
    ]


def _took(made: Drill, moment: float, more: str, never: str) -> str:
    seconds = made.seconds(moment)
    return never if seconds is None else length(seconds) + more


def show(made: Drill, incident: Incident, shape: Shape) -> None:
    """One drill on the terminal."""
    if shape is Shape.JSON:
        print_json(as_data(made, incident))
        return
    said = f"DRILL {made.id} ({made.scenario}) at {made.target}: {made.requests} requests, incident {made.incident}"
    out().print(safe(said, "bold"), soft_wrap=True)
    for name, said in lines_of(made, incident):
        out().print(safe(f"{name:16} {said}", "red" if said.startswith("never") else ""), soft_wrap=True)


def show_all(policy: Path | None, shape: Shape) -> None:
    """All drills on record."""
    from rich.table import Table

    from ..reactions.drills import drills
    from .incident_book import with_incidents

    async def work(kept: Incidents, opened: Opened) -> list[tuple[Drill, Incident | None]]:
        known = {one.id: one for one in await kept.list()}
        return [(one, known.get(one.incident)) for one in await drills(opened.records)]

    found = with_incidents(policy, work)
    if shape is Shape.JSON:
        print_json([as_data(*one) for one in found])
        return
    if not found:
        err().print("No drills on record.")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("drill", "when", "scenario", "incident", "detected", "told", "contained"):
        table.add_column(head, overflow="fold")
    for made, incident in found:
        moments = (made.detected, made.alerted, incident.contained if incident else 0.0)
        took = [_took(made, moment, "", "never") for moment in moments]
        table.add_row(*map(safe, (made.id, when(made.began), made.scenario, made.incident, *took)))
    out().print(table)
