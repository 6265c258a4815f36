"""The bounded queue between the request path and the background thread.

Two deques, one for chatter and one for what must not give way; both ends are safe without a lock. At the bound a
chatterer is dropped, and a relevant event takes the place of the oldest chatter; only when there is none left is a
relevant event dropped. Every drop is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import count

from .raw import Raw
from .vocabulary import CHATTER


@dataclass(frozen=True, slots=True)
class Drops:
    """Events that never came to any writer, since the start."""

    chatter: int = 0
    relevant: int = 0

    def __bool__(self) -> bool:
        return bool(self.chatter or self.relevant)

    def __sub__(self, other: Drops) -> Drops:
        return Drops(self.chatter - other.chatter, self.relevant - other.relevant)


class BoundedQueue:
    """See the module. `number` gives each event its place; `limit` is the most that waits (set it to 0 to close)."""

    __slots__ = ("_chatter", "_lock", "_lost_chatter", "_lost_relevant", "_relevant", "limit", "number")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reset()

    def reset(self) -> None:
        """Empty, with counters at the start. For a forked child, whose locks may be held by threads that are gone."""
        self.number = count(1).__next__
        self._chatter: deque[Raw] = deque()
        self._relevant: deque[Raw] = deque()
        self._lost_chatter = self._lost_relevant = 0
        # Re-entrant: a signal handler may emit while its own thread counts a drop.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._chatter) + len(self._relevant)

    @property
    def dropped(self) -> Drops:
        return Drops(self._lost_chatter, self._lost_relevant)

    def put(self, raw: Raw) -> int:
        """Append `raw` if it may stand; how many waited before it. Never blocks for longer than another count takes."""
        chatter = self._chatter
        relevant = self._relevant
        waiting = len(chatter) + len(relevant)
        if raw[2] in CHATTER:
            if waiting >= self.limit:
                with self._lock:
                    self._lost_chatter += 1
            else:
                chatter.append(raw)
        elif waiting < self.limit or self._evict():
            relevant.append(raw)
        return waiting

    def drain(self) -> list[Raw]:
        """Everything that waits now, in order."""
        taken = _take(self._relevant)
        taken += _take(self._chatter)
        taken.sort()
        return taken

    def _evict(self) -> bool:
        """Make room for a relevant event. Count what is lost: the oldest chatter, or else the event itself."""
        try:
            if self.limit:
                self._chatter.popleft()
                with self._lock:
                    self._lost_chatter += 1
                return True
        except IndexError:  # no chatter (any more): the other thread may have drained it in between
            pass
        if len(self) < self.limit:
            return True
        with self._lock:
            self._lost_relevant += 1
        return False


def _take(source: deque[Raw]) -> list[Raw]:
    taken: list[Raw] = []
    for _ in range(len(source)):
        try:
            taken.append(source.popleft())
        except IndexError:  # an emitter evicted one in between
            break
    return taken
