"""`garrison undo`: take a reaction back."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format, PolicyFile
from .output import Shape, err, out, paragraph, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.errors import OperatorError
    from ..core.ports import Detail, Record
    from .ban_book import Opened


def undo(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of reactions; without one, they are listed.")
    ] = None,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Take a reaction back in every process, within 5 seconds. Without an id, list reactions.

    The rule that caused it does not do the same to them again for as long as it would have lasted.
    """
    from .ban_book import with_store

    if not what:
        _show(with_store(policy, _all), shape)
        return
    done, failed = with_store(policy, lambda opened: _undo(what, opened))
    if shape is Shape.JSON:
        print_json([{"id": record.id, **record.data} for record in done])
    else:
        for record in done:
            out().print(safe(f"undone: {record.data['kind']} of {record.data['target']} ({record.data['rule']})"))
    if any(record.data["kind"] == "revoke" for record in done):
        err().print(paragraph("The sessions that ended stay ended; their user logs in again."))
    if failed is not None:
        raise failed


async def _all(opened: Opened) -> list[Record]:
    from ..reactions.undo import reactions

    return await reactions(opened.records)


async def _undo(what: Sequence[str], opened: Opened) -> tuple[list[Record], OperatorError | None]:
    """Those that were undone, and what was wrong with the first of the others."""
    from ..core.clock import SYSTEM
    from ..core.errors import OperatorError
    from ..reactions.build import build_books
    from ..reactions.undo import Undoing, undo
    from .ban_book import operator

    books = build_books(opened.policy, opened.records, SYSTEM)
    for book in books.values():
        await book.refresh()
    hands = Undoing(opened.records, {"ban": opened.bans, **books}, opened.emit)
    done, failed = [], None
    for one in what:
        try:
            record = await undo(one, hands, by=operator(), now=time.time())
            await _note(record, opened, operator())
            done.append(record)
        except OperatorError as error:
            failed = failed or error
    return done, failed


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
    for head in ("id", "what", "against", "rule", "since", "holds"):
        table.add_column(head, overflow="fold")
    for one in found:
        data = one.data
        row = (one.id, data["kind"], data["target"], data["rule"], _at(data["since"]), _holds(data, time.time()))
        table.add_row(*map(safe, row))
    out().print(table)


def _holds(data: Mapping[str, Detail], now: float) -> str:
    """Until when, or why no longer. What has no length was done in one moment: sessions that were ended."""
    if data["undone"]:
        return "undone"
    if not data["seconds"]:
        return "done"
    return f"until {_at(data['until'])}" if float(data["until"] or 0) > now else "over"


def _at(when: Detail) -> str:
    return f"{datetime.fromtimestamp(float(when or 0), UTC):%Y-%m-%d %H:%M:%S} UTC"
