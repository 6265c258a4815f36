"""The histogram of `garrison events stats`, still or live."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..events.stats import Tally
from .output import out, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from ..events.event import Event

BUCKETS: Final = 30
_BAR: Final = 50
_EVERY: Final = 1.0
_TOP: Final = 12


def picture(tally: Tally, until: float) -> RenderableType:
    """Bars over time, the grave part (error and worse) in red, and the most frequent values below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    most = max(tally.buckets.values(), default=0) or 1
    bars = Table.grid(padding=(0, 1))
    first = until - until % tally.width - (BUCKETS - 1) * tally.width
    for number in range(BUCKETS):
        start = first + number * tally.width
        count, grave = tally.buckets.get(start, 0), tally.grave.get(start, 0)
        red = round(_BAR * grave / most)
        length = max(round(_BAR * count / most), 1 if count else 0)
        bar = Text("█" * red, style="red").append("█" * (length - red), style="cyan")
        bars.add_row(_clock(start, tally.width), bar, str(count or ""))
    table = Table.grid(padding=(0, 2))
    for value, count in tally.values.most_common(_TOP):
        table.add_row(str(count), safe(value))
    return Group(bars, Text(), safe(f"{tally.total} events, by {tally.by}", "bold"), table)


def follow(db: Path, tally: Tally, test: Callable[[Event], bool], last: int) -> None:
    """Show `tally` and go on counting what comes, until Ctrl-C."""
    from rich.live import Live

    from ..events.query import tail

    with Live(picture(tally, time.time()), console=out(), auto_refresh=False, screen=False) as live:
        while True:
            time.sleep(_EVERY)
            found = tail(db, 5000, after=last)
            last = found[-1].id if found else last
            tally.add(stored.event for stored in found if test(stored.event))
            tally.forget(time.time() - BUCKETS * tally.width)
            live.update(picture(tally, time.time()), refresh=True)


def plain(tally: Tally) -> dict[str, object]:
    """The same for JSON."""
    return {
        "total": tally.total, "by": tally.by, "width": tally.width, "values": dict(tally.values.most_common()),
        "buckets": [{"start": start, "count": count} for start, count in sorted(tally.buckets.items())],
    }  # fmt: skip


def _clock(start: float, width: float) -> str:
    moment = datetime.fromtimestamp(start).astimezone()
    return moment.strftime("%H:%M:%S" if width < 60 else "%H:%M" if width < 86_400 else "%m-%d")
