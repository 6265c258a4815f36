"""`garrison alerts`: try out who is told, and say that one has it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import OperatorError
from .group import Group
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, err, out, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.ports import Record
    from ..policy.model import Policy
    from .ban_book import Opened

app = typer.Typer(cls=Group, no_args_is_help=True, help="Who is told of alerts.")


class NoReceivers(OperatorError):
    """The policy names nobody."""

    def __init__(self) -> None:
        super().__init__(
            "The policy names no receiver of alerts.", remedy="Write [[alerts.receivers]].",
            reference="docs/detection/alerts.md",
        )  # fmt: skip


@app.callback()
def _alerts() -> None:
    """Alerts go to the receivers that the policy names."""


@app.command("test")
def try_all(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Send a test message to every receiver, and say which took it. Ends with 1 when one did not."""
    from ..events.exports.outlet import told_apart

    loaded = load_policy(policy).policy
    if not loaded.alerts.receivers:
        raise NoReceivers
    tried = _try(loaded)
    names = told_apart(name for name, _ in tried)
    told = [{"receiver": name, "taken": not why, "error": why} for name, (_, why) in zip(names, tried, strict=True)]
    if shape is Shape.JSON:
        print_json(told)
    else:
        for one in told:
            said = "took the message" if one["taken"] else f"did not take it: {one['error']}"
            out().print(safe(f"{one['receiver']} {said}"), soft_wrap=True)
    if not all(one["taken"] for one in told):
        raise typer.Exit(FOUND)


@app.command("ack")
def acknowledge(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of alerts; without one, those that wait are listed.")
    ] = None,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Say that you have an alert: nobody further is told of it. Without an id, list those that nobody has."""
    from .ban_book import with_store

    if not what:
        _show(with_store(policy, lambda opened: _opened(opened)), shape)
        return
    done, failed = with_store(policy, lambda opened: _acknowledge(what, opened))
    if shape is Shape.JSON:
        print_json([_plain(record) for record, _ in done])
    else:
        for record, fresh in done:
            said = "yours" if fresh else f"{record.data['by']} has it already"
            out().print(safe(f"{record.id} {said}: {record.data['title']}: {record.data['who']}"), soft_wrap=True)
    if failed is not None:
        raise failed


async def _opened(opened: Opened) -> list[Record]:
    from ..reactions.open_alerts import opened as still_open

    return await still_open(opened.records)


async def _acknowledge(what: Sequence[str], opened: Opened) -> tuple[list[tuple[Record, bool]], OperatorError | None]:
    """Those that were there, and what was wrong with the first of the others."""
    from ..reactions.open_alerts import acknowledge
    from .ban_book import operator

    done: list[tuple[Record, bool]] = []
    failed = None
    for one in what:
        try:
            done.append(await acknowledge(opened.records, one, opened.emit, by=operator()))
        except OperatorError as error:
            failed = failed or error
    return done, failed


def _plain(record: Record) -> dict[str, object]:
    return {"id": record.id, **{name: value for name, value in record.data.items() if name not in ("event", "all")}}


def _show(found: Sequence[Record], shape: Shape) -> None:
    from rich.table import Table

    if shape is Shape.JSON:
        print_json([_plain(one) for one in found])
        return
    if not found:
        err().print("No alert waits for anybody.")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("id", "severity", "what", "about", "since", "told"):
        table.add_column(head, overflow="fold")
    for one in found:
        data = one.data
        since = f"{datetime.fromtimestamp(float(data['since'] or 0), UTC):%Y-%m-%d %H:%M:%S} UTC"
        told = f"step {data['step']}{'' if data['state'] == 'waiting' else ', the last'}"
        table.add_row(
            *(safe(str(cell)) for cell in (one.id, data["severity"], data["title"], data["who"], since, told))
        )
    out().print(table)


def _try(policy: Policy) -> list[tuple[str, str]]:
    from http.client import HTTPException

    from ..core.clock import SYSTEM
    from ..reactions.channels import PURPOSE, channel_for
    from ..reactions.message import Message
    from ..secrets.keyring import Keyring
    from ..secrets.own import room_view

    key = Keyring.from_policy(policy, os.environ, Path(policy.state), SYSTEM).derive(PURPOSE, 32)
    message = Message("Garrison: a test", "This is a test. Alerts of this application will come here.")
    found = []
    with room_view(policy, os.environ, "reactions") as reveal:
        channels = [channel_for(receiver, key, reveal) for receiver in policy.alerts.receivers]
    for channel in channels:
        try:
            channel.send(message, ())
        except (OSError, HTTPException) as error:
            found.append((channel.name, str(error) or type(error).__name__))
        else:
            found.append((channel.name, ""))
    return found
