"""How much this process can take at once: an adaptive limit on requests in progress, and who goes first when it is met.

The limit follows the delay that every request suffers: how late the event loop comes to what is due. Service times say
little (a slow endpoint is no overload, a stuck one is none of the others' fault), but the loop is the one queue that
all requests stand in. As CoDel does (RFC 8289, section 4.2), the smallest delay of an interval is looked at: a burst
leaves it near zero, a standing queue does not. Above the target the limit falls to 0.8 of what was in progress, or
further (to half of it) where the delay is far above; below half the target it grows by a tenth. (Additive increase
would take minutes from a small limit; why the way down must be multiplicative: Chiu and Jain, 1989.)

A request that the loop runs in one piece is never seen in progress by another one, however long the queue is. So once
the loop is late, a request counts until it is answered and at least until the end of the tick it came in: the limit
then holds concurrency for requests that wait, and the rate for requests that compute.

When room is short, requests get different parts of the limit (`SHARES`), so that those who are trusted least are
turned away first. And a client that keeps to its fair share of its class' part finds room: the part divided by the
clients that come in a tick (max-min fairness: who takes little is not turned away for those who take much). Fair shares
are those of `least` at the least: lateness that others cause, on a crowded machine, say, is no reason to serve nobody.

Pure: delays are brought by somebody who has a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

TICK: Final = 0.1
"""Seconds between two calls of `tick`, if the loop is not late."""
INTERVAL: Final = 0.5
"""Seconds over which the smallest delay is taken, and at least two ticks: longer than a garbage collection."""
_LEAST_DECREASE: Final = 0.8
_MOST_DECREASE: Final = 0.5
_INCREASE: Final = 1.1
_UNFAIR: Final = 8
"""How much lower than `least` the limit may fall for what is no fair share."""
_OVER: Final = 2
"""How far fair shares may go beyond a lowered limit: it took no account of clients that were not there."""
_LONGEST_WAIT: Final = 30


class Trust(IntEnum):
    """Who is turned away first: the lowest. A read is cheaper to lose than a write: it can simply be sent again."""

    READS = 0
    WRITES = 1
    KNOWN_READS = 2
    KNOWN_WRITES = 3


SHARES: Final = {
    Trust.READS: 0.7,
    Trust.WRITES: 0.8,
    Trust.KNOWN_READS: 0.9,
    Trust.KNOWN_WRITES: 1.0,
}
"""The part of the limit up to which a class is let in."""
FREE: Final = 0.5
"""The part of a limit that is not lowered up to which nobody is asked who they are."""


def nobody() -> None:
    """The waker of a capacity that nobody ticks."""


class Capacity:
    """The state of one process. Called from one event loop.

    least, most   in requests of weight 1: what is let in however late it is, as fair shares; the highest limit
    target        delay in seconds that may stand
    changed       told true when requests begin to be turned away, false when the limit is whole again

    `active` is what is in progress (see the module), `limit` what may be; up to `roomy` nobody is asked who they are,
    which is nothing while the limit is lowered. `wake` is called by whoever enters while `awake` is false: then
    somebody begins to tick. `requests` and `sockets` are weights in progress by client key; entries leave with their
    last request.
    """

    __slots__ = (
        "_by_client", "_changed", "_clients", "_fresh", "_passed", "_peak", "_smallest", "_ticks", "active", "awake",
        "least", "limit", "most", "requests", "roomy", "sockets", "strained", "target", "wake",
    )  # fmt: skip

    def __init__(self, *, least: int, most: int, target: float, changed: Callable[[bool], None] | None = None) -> None:
        self.least, self.most, self.target = least, most, target
        self.limit = float(most)
        self.roomy = most * FREE
        self.active = 0
        self.requests: dict[str, int] = {}
        self.sockets: dict[str, int] = {}
        self.strained = 0
        self.awake = False
        self.wake: Callable[[], None] = nobody
        self._changed = changed
        self._fresh = 0
        self._by_client: dict[str, int] = {}
        self._clients = 0
        self._ticks = 0
        self._passed = 0.0
        self._peak = 0
        self._smallest = float("inf")

    def fits(self, weight: int, trust: Trust) -> bool:
        """Whether a request of `weight` finds room in its class' share.

        While nothing is strained, only what is really in progress counts: a quick service may answer any number of
        requests in a tick.
        """
        return self.busy + weight <= self.limit * SHARES[trust]

    @property
    def busy(self) -> int:
        """What counts against the limit now; see `fits`."""
        return self.active if self.limit < self.most else self.active - self._fresh

    def fair(self, client: str, weight: int, trust: Trust) -> bool:
        """Note `weight` for `client` in this tick, and tell whether it keeps to its fair share of its class' part.

        One client alone is held to half of that, so that a second one finds room.
        """
        taken = self._by_client.get(client, 0) + weight
        self._by_client[client] = taken
        clients = max(2, self._clients, len(self._by_client))
        part, pool = SHARES[trust], max(self.limit, self.least)
        return taken * clients <= part * pool and self.busy + weight <= part * min(self.most, _OVER * pool)

    def leave(self, weight: int) -> None:
        """A request is answered, or over: it is in progress until the tick ends, if somebody ticks."""
        if self.awake:
            self._fresh += weight
        else:
            self.active -= weight

    def begin(self) -> None:
        """Somebody ticks from now on. What an earlier ticker did not get to is made up for."""
        self.awake = True
        self.active -= self._fresh
        self._fresh = 0
        self._start_interval()

    @property
    def wait(self) -> int:
        """Seconds to tell those who are turned away: longer, the longer it lasts."""
        return min(_LONGEST_WAIT, 1 + self.strained)

    def tick(self, delay: float) -> bool:
        """A tick has passed, `delay` seconds late. False when nothing is in progress and nothing to recover from."""
        self._peak = max(self._peak, self.active)
        self._smallest = min(self._smallest, delay)
        self._ticks += 1
        self._passed += TICK + delay
        self.active -= self._fresh
        self._fresh = 0
        self._clients = len(self._by_client)
        self._by_client.clear()
        if self._ticks >= 2 and self._passed >= INTERVAL - TICK / 2:
            self._adapt()
            self._start_interval()
        return bool(self.active or self._peak or self.limit < self.most)

    def _adapt(self) -> None:
        before = self.strained
        if self._smallest > self.target:
            part = min(_LEAST_DECREASE, max(_MOST_DECREASE, self.target / self._smallest))
            self.limit = max(self.least / _UNFAIR, part * min(self.limit, self._peak))
            self.strained += 1
        elif self._smallest < self.target / 2:
            self.limit = min(self.most, _INCREASE * self.limit + 1)
            self.strained = max(1, before - 1) if self.limit < self.most else 0
        self.roomy = self.limit * FREE if self.limit == self.most else 0.0
        if self._changed is not None and bool(before) != bool(self.strained):
            self._changed(bool(self.strained))

    def _start_interval(self) -> None:
        self._ticks = 0
        self._passed = 0.0
        self._peak = 0
        self._smallest = float("inf")
