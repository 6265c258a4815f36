"""Events in memory, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from ..core.clock import SYSTEM, Clock
from ..policy.model import EventsSection
from .bus import Bus
from .event import Event


class Captured(Sequence[Event]):
    """A writer that keeps what it gets. With a `bus`, looking at it first lets the bus finish what waits."""

    name = "captured"

    def __init__(self) -> None:
        self.bus: Bus | None = None
        self._events: list[Event] = []

    def open(self) -> None:
        """Always ready."""

    def write(self, events: Sequence[Event]) -> int:
        self._events.extend(events)
        return len(events)

    def close(self) -> None:
        """Nothing to let go of."""

    def names(self) -> list[str]:
        """Names of the events, in order."""
        return [event.name.value for event in self._now()]

    def of(self, name: str) -> list[Event]:
        """The events called `name`."""
        return [event for event in self._now() if event.name == name]

    def clear(self) -> None:
        """Forget everything so far."""
        self._now().clear()

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    def __iter__(self) -> Iterator[Event]:
        return iter(self._now())

    def __repr__(self) -> str:
        return f"Captured({self.names()})"

    def _now(self) -> list[Event]:
        if self.bus is not None:
            self.bus.flush()
        return self._events


def follow(bus: Bus) -> Captured:
    """Capture every event of `bus` from now on."""
    captured = Captured()
    bus.flush()
    bus.attach(captured)
    captured.bus = bus
    return captured


def capturing_bus(clock: Clock = SYSTEM, section: EventsSection | None = None) -> tuple[Bus, Captured]:
    """A bus without a thread, and what it captures: `services.emit = bus.emit`, then read the captured events."""
    bus = Bus(section or EventsSection(output="none", store=False), clock, (), "test")
    return bus, follow(bus)
