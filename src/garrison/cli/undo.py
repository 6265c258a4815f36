"""`garrison undo`: take a reaction back."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format, PolicyFile
from .output import Shape, err, out, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.ports import Record
    from .ban_book import Opened


def undo(
    what: Annotated[str, typer.Argument(metavar="ID", help="A reaction's id; without one, they are listed.")] = "",
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Take a reaction back: lift its ban or brake in every process, within 5 seconds. Without an id, list reactions.

    The rule that caused it does not do the same to them again for as long as it would have lasted.
    """
    from .ban_book import with_store

    if not what:
        _show(with_store(policy, _all), shape)
        return
    record = with_store(policy, lambda opened: _undo(what, opened))
    if shape is Shape.JSON:
        print_json({"id": record.id, **record.data})
    else:
        out().print(safe(f"undone: {record.data['kind']} of {record.data['target']} ({record.data['rule']})"))


async def _all(opened: Opened) -> list[Record]:
    from ..reactions.undo import reactions

    return await reactions(opened.records)


async def _undo(what: str, opened: Opened) -> Record:
    from ..core.clock import SYSTEM
    from ..reactions.build import build_slowed
    from ..reactions.undo import Undoing, undo
    from .ban_book import operator

    slowed = build_slowed(opened.policy, opened.records, SYSTEM)
    await slowed.refresh()
    hands = Undoing(opened.records, opened.bans, slowed, opened.emit)
    record = await undo(what, hands, by=operator(), now=time.time())
    await _note(record, opened, operator())
    return record


async def _note(record: Record, opened: Opened, by: str) -> None:
    """In the incident that it was done for, if there is one; a closed one is not changed any more."""
    from ..reactions.incidents import IncidentClosed, Incidents, NoSuchIncident

    if incident := str(record.data.get("incident") or ""):
        text = f"undone: {record.data['kind']} of {record.data['target']} ({record.id})"
        with suppress(IncidentClosed, NoSuchIncident):
            kept = Incidents(opened.records, opened.emit)
            await kept.note(incident, text, by=by, now=time.time(), kind="containment")


def _show(found: Sequence[Record], shape: Shape) -> None:
    from rich.table import Table

    if shape is Shape.JSON:
        print_json([{"id": one.id, **one.data} for one in found])
        return
    if not found:
        err().print("No reactions on record.")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("id", "what", "against", "rule", "since", "undone"):
        table.add_column(head, overflow="fold")
    for one in found:
        data = one.data
        since = f"{datetime.fromtimestamp(float(data['since'] or 0), UTC):%Y-%m-%d %H:%M:%S} UTC"
        row = (one.id, data["kind"], data["target"], data["rule"], since, "yes" if data["undone"] else "")
        table.add_row(*map(safe, row))
    out().print(table)
