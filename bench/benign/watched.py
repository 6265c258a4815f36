"""A day, replayed under the eyes of detection: the same engine, layer and events, but with the day's own time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from garrison.detection.alert import Alert
from garrison.detection.build import build_engine
from garrison.detection.sightings import Sightings
from garrison.testing import FrozenClock, captured_events

from .day import day
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


def watch_day(profile: str, seed: int, share: float = 1.0) -> Watched:
    """The alerts of the day that `profile` and `seed` make."""
    clock, watched = FrozenClock(), Watched()
    with TemporaryDirectory(prefix="garrison-day-") as folder:
        sightings = Sightings(clock.clock.wall, "day", ("default",), (), ())
        engine = build_engine(policy_of(Path(folder)))
        shop, app = build(Path(folder), clock, [sightings.layer], detection={"enabled": False})
        replay, asks = Replay(shop, app, clock), day(profile, seed, share)
        with captured_events(app) as captured:

            def look() -> None:
                events = [*captured, *sightings.drain()]
                captured.clear()
                watched.events += len(events)
                watched.alerts += [*engine.feed_all(events), *engine.tick(clock.now)]

            asyncio.run(replay.run(asks, _EVERY, look))
        watched.requests, watched.statuses = len(asks), replay.statuses
    return watched
