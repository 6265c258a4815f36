"""Events: what `emit` costs the request that causes it, and how many a second reach the disk.

`emit` is called with the facts of a browser's request and the details of a refusal: once alone, which is what a request
waits for, once with the writer at work (the store in SQLite), whose thread is then in the figure. Durable is: emitted,
shaped, redacted, written in batches and committed, counted from the first emit to the end of the flush, in real time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from garrison.asgi.facts import ReadFacts
from garrison.core.clock import SYSTEM
from garrison.core.facts import Facts
from garrison.core.verdict import Mode, Reason
from garrison.events.build import build_bus
from garrison.events.bus import Bus
from garrison.events.vocabulary import for_reason
from garrison.policy.model import EventsSection

from .asgi import scope_of
from .contenders import POST, policy
from .harness import Batch, Result, Size, interleave, result

_NAME = for_reason(Reason.CSRF_INVALID)
_SLICE = 2_500
"""A quarter of what may wait in a queue by default."""


def measure(size: Size) -> list[Result]:
    facts = ReadFacts(policy(), ())(scope_of(POST))
    return [*_emit(size, facts), _durable(size, facts)]


def refusal(bus: Bus, facts: Facts) -> Callable[[], None]:
    """One refusal as the onion records it."""
    emit: Callable[..., None] = bus.emit

    def refuse() -> None:
        emit(
            _NAME,
            facts,
            reason=Reason.CSRF_INVALID,
            layer="csrf",
            mode=Mode.ENFORCE,
            route="default",
            status=403,
            detail="the token is forged, expired, or of another session",
        )

    return refuse


def _bus(state: str, **events: Any) -> Bus:
    return build_bus(policy(events={"output": "none", **events}, state=state), SYSTEM, node="bench")


def _emit(size: Size, facts: Facts) -> list[Result]:
    with TemporaryDirectory() as state:
        alone = Bus(EventsSection(), SYSTEM, [], "bench")  # not started: nothing is shaped or written
        writing = _bus(state, store=True)
        batches: dict[str, Batch] = {
            "emit": _in_slices(refusal(alone, facts), alone._queue.drain),
            "emit_and_write": _in_slices(refusal(writing, facts), writing.flush),
        }
        samples = interleave(batches, size)
        writing.close()
    value, spread = samples.microseconds("emit"), samples.spread("emit")
    whole = "what the thread does afterwards included"
    return [
        result("events.emit", value, "us", must="<= 10", versus="what the request waits for", spread=spread),
        result("events.emit_and_write", samples.microseconds("emit_and_write"), "us", versus=whole),
    ]


def _in_slices(refuse: Callable[[], None], empty: Callable[[], object]) -> Batch:
    """`empty` before the queue is full: a drop is cheaper than an event."""

    def batch(count: int) -> None:
        for number in range(1, count + 1):
            refuse()
            if number % _SLICE == 0:
                empty()
        empty()

    return batch


def _durable(size: Size, facts: Facts) -> Result:
    count = size.of(20_000)
    with TemporaryDirectory() as state:
        bus = _bus(state, store=True)
        refuse = refusal(bus, facts)
        start = time.perf_counter()
        for number in range(count):
            refuse()
            if number % _SLICE == 0:
                bus.flush()
        complete = bus.flush(30.0)
        taken = time.perf_counter() - start
        written = sum(lane.written for lane in bus.stats().writers)
        bus.close()
        assert complete, "the queue was not written out in time"
        assert written >= count, f"{written} of {count} events were written"
        assert any(Path(state).iterdir()), "the store's file is missing"
    return result("events.durable", count / taken, "1/s", must=">= 5000", versus="emitted and committed to SQLite")
