"""`garrison bans`: who was told to stay away."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import OperatorError
from .group import Group
from .options import Format, PolicyFile
from .output import Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..core.bans import Ban
    from ..policy.model import Policy
    from ..stores.bans import Bans

app = typer.Typer(cls=Group, no_args_is_help=True, help="Who was told to stay away.")
_FOREVER = "until it is lifted"


class ListShape(StrEnum):
    """How a list is written."""

    JSON = "json"
    PLAIN = "plain"


class NoSuchBan(OperatorError):
    """Nobody is banned under that name."""

    def __init__(self, what: str) -> None:
        super().__init__(f"No ban goes by {what!r}.", remedy="`garrison bans list` shows ids, batches and targets.")


For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 24h, 90 minutes, 7 days.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]
Force = Annotated[bool, typer.Option("--force", help="Also loopback and very wide networks.")]


@app.callback()
def _bans() -> None:
    """Bans hold in every process that uses the policy's store, within 5 seconds. Every change leaves an event."""


@app.command("list")
def list_(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """List the bans in force, the newest first."""
    from .ban_book import with_bans
    from .ban_lists import plain

    bans = with_bans(policy, _all)
    if shape is Shape.JSON:
        print_json([plain(ban) for ban in bans])
    elif bans:
        _table(bans)
    else:
        err().print("Nobody is banned.")


@app.command()
def add(
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="An address, a network, principal:ID, …")],
    for_: For = "",
    reason: Why = "",
    force: Force = False,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Ban addresses, networks, principal:ID, api-key:ID or session:HANDLE. An IPv6 address stands for its /64.

    A ban that stands and lasts longer stays as it is. Trusted proxies and who is in bans.allow can't be banned.
    """
    from ..core.bans import parse_target
    from .ban_book import operator, with_bans

    seconds = _seconds(for_)

    async def work(bans: Bans, policy: Policy) -> list[Ban]:
        parsed = [parse_target(text, policy.client.ipv6_prefix) for text in targets]
        for target in parsed:
            bans.rules.check(target, force=force)  # all or none
        return [await bans.add(one, reason=reason, by=operator(), seconds=seconds, force=force) for one in parsed]

    _show(with_bans(policy, work), "banned", shape)


@app.command()
def lift(
    what: Annotated[list[str], typer.Argument(metavar="WHAT...", help="A ban's id, a batch, or a target.")],
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Lift bans by id or target, or all of one import by its batch."""
    from .ban_book import operator, with_bans

    async def work(bans: Bans, policy: Policy) -> list[Ban]:
        for one in what:
            if not bans.named(one):
                raise NoSuchBan(one)  # all or none
        return [ban for one in what for ban in await bans.lift(one, by=operator())]

    _show(with_bans(policy, work), "lifted", shape)


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="One target on each line, or JSON; - is standard input.")],
    for_: For = "",
    reason: Why = "",
    force: Force = False,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Ban everybody on a list. All of it is checked first; a list with a fault bans nobody."""
    from .ban_book import operator, with_bans
    from .ban_lists import judge, read_list

    entries, seconds, batch = read_list(_text(file)), _seconds(for_), f"i{secrets.token_hex(4)}"

    async def work(bans: Bans, policy: Policy) -> tuple[int, int, int]:
        from ..core.bans import Ban

        now = time.time()
        targets, ended = judge(entries, bans.rules, now, prefix=policy.client.ipv6_prefix, force=force)
        until = None if seconds is None else now + seconds
        listed = [
            Ban(target, now, until if until is not None else entry.until, (reason or entry.reason)[:500], operator(),
                batch)
            for target, entry in targets
        ]  # fmt: skip
        return len(listed), await bans.add_all(listed, batch=batch, by=operator()), ended

    listed, written, ended = with_bans(policy, work)
    if shape is Shape.JSON:
        print_json({"batch": batch, "listed": listed, "banned": written, "ended": ended})
        return
    out().print(f"{written} banned, {listed - written} were already, {ended} had run out.")
    if written:
        out().print(f"To undo: garrison bans lift {batch}")


@app.command()
def export(
    shape: Annotated[ListShape, typer.Option("--format", "-f", help="How to print.")] = ListShape.JSON,
    policy: PolicyFile = None,
) -> None:
    """Print the bans in force as a list that `garrison bans import` takes."""
    from .ban_book import with_bans
    from .ban_lists import as_json, as_lines

    bans = with_bans(policy, _all)
    if shape is ListShape.JSON:
        print_json(as_json(bans))
    elif bans:
        print_raw(as_lines(bans))


async def _all(bans: Bans, policy: Policy) -> list[Ban]:
    return sorted(bans.table.bans.values(), key=lambda ban: (-ban.since, str(ban.target)))


def _seconds(text: str) -> float | None:
    from ..policy.units import parse_duration

    if not text:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise Usage(f"--for is {error}.") from None
    if seconds <= 0:
        raise Usage("--for must be more than nothing.")
    return seconds


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"The list {file} can't be read: {error}.") from None


def _show(bans: Sequence[Ban], done: str, shape: Shape) -> None:
    from .ban_lists import plain

    if shape is Shape.JSON:
        print_json([plain(ban) for ban in bans])
        return
    for ban in bans:
        out().print(safe(f"{done} {ban.target} ({ban.id}), {_end(ban)}"), soft_wrap=True)


def _table(bans: Sequence[Ban]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("id", "who", "until", "by", "reason", "batch"):
        table.add_column(head, overflow="fold")
    for ban in bans:
        table.add_row(*map(safe, (ban.id, str(ban.target), _end(ban), ban.by, ban.reason, ban.batch)))
    out().print(table)


def _end(ban: Ban) -> str:
    return _FOREVER if ban.until is None else f"until {datetime.fromtimestamp(ban.until, UTC):%Y-%m-%d %H:%M:%S} UTC"
