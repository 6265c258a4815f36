"""A day, replayed under the eyes of detection: the same engine, layer and events, but with the day's own time.

Every source is on: addresses have autonomous systems (one for each /8, which is coarser than any real provider), and
answers take their time (`pace.py`), and a token of each kind is planted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from garrison.detection.alert import Alert
from garrison.detection.asn import Asns, AsnTable
from garrison.detection.build import build_engine
from garrison.detection.honey import KINDS, Honey, draw, entry_of
from garrison.detection.honey_layer import honey_layer
from garrison.detection.sightings import Sightings
from garrison.testing import FrozenClock, captured_events

from .day import day
from .pace import Pace
from .replay import Replay
from .site import build, policy_of

_EVERY = 10.0


@dataclass(slots=True)
class Watched:
    """What came of it: how many requests, events and alerts, and how they were answered."""

    requests: int = 0
    events: int = 0
    alerts: list[Alert] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def of(self, confidence: str) -> list[Alert]:
        return [alert for alert in self.alerts if alert.rule.confidence == confidence]


def _planted() -> Honey:
    return Honey({kind: entry_of(kind, draw(kind, "garrison")) for kind in KINDS})


def watch_day(profile: str, seed: int, share: float = 1.0) -> Watched:
    """The alerts of the day that `profile` and `seed` make."""
    clock, watched = FrozenClock(), Watched()
    with TemporaryDirectory(prefix="garrison-day-") as folder:
        asns = Asns(table=AsnTable(f"{number}.0.0.0/8 {64_500 + number}" for number in range(1, 224)))
        time = clock.clock
        sightings = Sightings(time.wall, "day", ("default",), (), (), asns, time.monotonic)
        engine = build_engine(policy_of(Path(folder), detection={"asn_table": "in memory"}))
        honey = honey_layer(_planted(), lambda *given, **details: app.services.emit(*given, **details))
        shop, app = build(Path(folder), clock, [sightings.layer, honey], detection={"enabled": False})
        shop.pace = Pace(clock, seed)
        replay, asks = Replay(shop, app, clock), day(profile, seed, share)
        with captured_events(app) as captured:

            def look() -> None:
                events = asns.stamp([*captured, *sightings.drain()])
                captured.clear()
                watched.events += len(events)
                watched.alerts += [*engine.feed_all(events), *engine.tick(clock.now)]

            asyncio.run(replay.run(asks, _EVERY, look))
        watched.requests, watched.statuses = len(asks), replay.statuses
    return watched
