"""What detection has to know of answers that are no events: errors of the application, large bodies, traps touched,
and how long the application took.

Writing an event for each would turn the log into an access log. So they go past it, into a bounded queue that only
detection reads; of all other answers nothing is kept but their number, and the mean logarithm of their time by route
class. (A mean of logarithms: one answer in a hundred that takes a minute moves it less than all of them taking twice
as long.) Time is from the application's being asked to its answer's first line, the sending of the body to it included.

Cost: a comparison or two for an ordinary answer. Lets pass: what is beyond the bound, which is counted; bodies without
Content-Length, and many small ones.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from ..core.ban_table import SELFTEST_KEY
from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.layer import Layer
from ..core.ports import Detail
from ..events.event import Event
from ..events.raw import Raw, locate
from ..events.redaction import Redactor
from ..events.shape import Shaper
from ..events.vocabulary import EventName
from .asn import Asns

LARGE: Final = 1_000_000
"""Bytes of a body from which on it is noted."""
_LARGE_DIGITS: Final = len(str(LARGE))
_MOST: Final = 20_000
COUNTED_EVERY: Final = 5.0
"""Seconds between two counts of times."""
BEAT: Final = 60.0
"""Seconds after which a count of no answers is given all the same: this process lives."""


class Sightings:
    """Makes `layer`, and gives what it saw as events.

    wall    wall time
    node    what events call this machine
    routes  names of the route classes
    traps   paths whose every touch is noted
    redact  further names whose values are not kept
    asns    learns from requests what proxies say
    monotonic   measures how long answers take
    """

    def __init__(
        self,
        wall: Callable[[], float],
        node: str,
        routes: Iterable[str],
        traps: Iterable[str],
        redact: Iterable[str],
        asns: Asns | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asns, self._monotonic = asns or Asns(), monotonic
        self._wall, self._node, self._routes = wall, node, tuple(routes)
        self._traps = frozenset(traps)
        self._redact = tuple(redact)
        self.layer: Final = Layer("detection", amend=self._amend)
        self.reset()

    def reset(self) -> None:
        """A new life: what was seen before is somebody else's."""
        self._queue: deque[Raw] = deque()
        self._answers = self._errors = self.lost = 0
        self._number = 0
        self._spans: deque[tuple[int, float]] = deque(maxlen=_MOST)
        self._times: list[list[float]] = [[0, 0.0] for _ in self._routes or ("",)]
        self._counted = self._beat = self._wall()
        self._shaper = Shaper(Redactor(self._redact), self._node, secrets.token_hex(4), self._routes)

    def _amend(self, exchange: Exchange, edit: Edit) -> None:
        facts = exchange.facts
        self._answers += 1
        if self.asns.on:
            self.asns.learn(facts)
        if not edit.ours and facts.kind == "http":
            now = self._monotonic
            self._spans.append((facts.route, now() - exchange.began))
        length = edit.sent.get(b"content-length", b"")
        trap = facts.path in self._traps
        if edit.status >= 400 or trap or len(length) >= _LARGE_DIGITS:
            self._look_closer(exchange, edit, length, trap=trap)

    def _look_closer(self, exchange: Exchange, edit: Edit, length: bytes, *, trap: bool) -> None:
        """Count and note what is no ordinary answer."""
        status, facts = edit.status, exchange.facts
        if status >= 500 and (status == 500 or not edit.ours):  # our own 503 is a decision, not an error
            self._errors += 1
        large = len(length) >= _LARGE_DIGITS and length.isdigit() and facts.method != "HEAD"
        if (status < 400 and not large and not trap) or (edit.ours and not trap) or facts.client.key == SELFTEST_KEY:
            return
        if len(self._queue) >= _MOST:
            self.lost += 1
            return
        details: dict[str, Detail] = {"status": status}
        if large:
            details["bytes"] = int(length[:15])
        if trap:
            details["trap"] = True
        if exchange.principal is not None:
            details["principal"] = exchange.principal.id
        if exchange.session is not None:
            details["session"] = exchange.session
        self._queue.append((0, self._wall(), EventName.REQUEST_NOTED, locate(facts), details))

    def drain(self) -> list[Event]:
        """What was seen since the last time. Call it in one thread."""
        answers, errors, lost = self._answers, self._errors, self.lost
        raws = [self._queue.popleft() for _ in range(len(self._queue))]
        now = self._wall()
        if answers or now - self._beat >= BEAT:
            self._beat = now
            self._answers -= answers  # what is counted in between is left for the next time, give or take a request
            self._errors -= errors
            self.lost -= lost
            counted: dict[str, Detail] = {"answers": answers, "errors": errors, "good": answers - errors, "lost": lost}
            raws.append((0, now, EventName.TRAFFIC_COUNTED, None, counted))
        raws += self._counts(now)
        return [self._shaper.shape((self._next(), *raw[1:])) for raw in raws]

    def _counts(self, now: float) -> list[Raw]:
        """How long answers took by route class, every few seconds; a clock that was set back begins anew."""
        self._add_up()
        if 0 <= now - self._counted < COUNTED_EVERY:
            return []
        self._counted, times = now, self._times
        self._times = [[0, 0.0] for _ in times]
        return [
            (0, now, EventName.LATENCY_COUNTED, None, {"route": name, "answers": int(number), "log": round(total, 3)})
            for name, (number, total) in zip(self._routes, times, strict=False)
            if number
        ]

    def _add_up(self) -> None:
        for _ in range(len(self._spans)):
            route, seconds = self._spans.popleft()
            times = self._times[route if route < len(self._times) else 0]
            times[0] += 1
            times[1] += math.log2(seconds * 1e6) if seconds > 1e-6 else 0.0

    def _next(self) -> int:
        self._number += 1
        return self._number
