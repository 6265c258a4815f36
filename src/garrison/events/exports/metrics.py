"""What happened, in numbers: Prometheus text (exposition format 0.0.4) for the operator's `/metrics`.

Labels come from closed lists (names, severities, outcomes, writers), so that no client can make series without end.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..bus import BusStats
from ..event import Event

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
Key = tuple[str, str, str]
Shown = tuple[str, str, float]
"""A number: its name after `garrison_`, what it means, and its value."""


class Counts:
    """A `Writer` that counts events by name, severity and outcome."""

    name = "metrics"

    def __init__(self, before: Counts | None = None) -> None:
        """`before`: go on from there."""
        self._counts: Counter[Key] = Counter(dict(before.items()) if before else {})
        self._lock = threading.Lock()

    def open(self) -> None:
        """Always ready."""

    def write(self, events: Sequence[Event]) -> int:
        with self._lock:
            self._counts.update((one.name.value, one.severity.value, one.outcome.value) for one in events)
        return len(events)

    def close(self) -> None:
        """The counts stay."""

    def items(self) -> list[tuple[Key, int]]:
        with self._lock:
            return sorted(self._counts.items())


def render(
    counts: Iterable[tuple[Key, int]],
    stats: BusStats,
    gauges: Iterable[Shown] = (),
    *,
    recorded: bool,
    degraded: Sequence[str],
) -> bytes:
    """The page that Prometheus scrapes. `gauges` are numbers that other rooms bring."""
    lines = [*_lines(counts, stats, recorded, degraded), *_gauges(gauges)]
    return "".join(f"{line}\n" for line in lines).encode()


def _gauges(gauges: Iterable[Shown]) -> Iterator[str]:
    for name, what, value in gauges:
        yield from _head(f"garrison_{name}", "gauge", what)
        yield f"garrison_{name} {value:.10g}"


def _lines(
    counts: Iterable[tuple[Key, int]], stats: BusStats, recorded: bool, degraded: Sequence[str]
) -> Iterator[str]:
    yield from _head("garrison_events_total", "counter", "Security events by name.")
    for (name, severity, outcome), count in counts:
        yield f'garrison_events_total{{name="{name}",severity="{severity}",outcome="{outcome}"}} {count}'
    yield from _head("garrison_events_queued", "gauge", "Events that wait to be written.")
    yield f"garrison_events_queued {stats.queued}"
    yield from _head("garrison_events_dropped_total", "counter", "Events lost because the queue was full.")
    yield f'garrison_events_dropped_total{{kind="chatter"}} {stats.dropped.chatter}'
    yield f'garrison_events_dropped_total{{kind="relevant"}} {stats.dropped.relevant}'
    for field, kind, what in (
        ("written", "counter", "Events written"), ("pending", "gauge", "Events waiting"),
        ("lost", "counter", "Events lost"), ("failures", "counter", "Failed attempts"),
    ):  # fmt: skip
        name = f"garrison_writer_{field}{'_total' if kind == 'counter' else ''}"
        yield from _head(name, kind, f"{what}, by writer.")
        for lane in stats.writers:
            yield f'{name}{{writer="{_label(lane.writer)}"}} {getattr(lane, field)}'
    yield from _head("garrison_writer_up", "gauge", "Whether the writer's last attempt worked.")
    for lane in stats.writers:
        yield f'garrison_writer_up{{writer="{_label(lane.writer)}"}} {0 if lane.failing else 1}'
    yield from _head("garrison_audit_recording", "gauge", "Whether the audit log can be written.")
    yield f"garrison_audit_recording {int(recorded)}"
    yield from _head("garrison_degraded", "gauge", "Services that do not work now.")
    for name in degraded:
        yield f'garrison_degraded{{service="{_label(name)}"}} 1'


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
