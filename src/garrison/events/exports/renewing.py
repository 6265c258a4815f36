"""A way out whose address is kept as a secret, and may be another one tomorrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..event import Event
from ..writers import Writer


class Renewing:
    """A `Writer` around the one that `make` makes of the address as it is now. It keeps its first name."""

    def __init__(self, make: Callable[[], Writer]) -> None:
        self._make = make
        self._writer = self._newest = make()
        self.name = self._writer.name

    def renew(self) -> None:
        """Make it anew; what writes next goes over, in its own thread. Raises as `make`, and then all stays."""
        self._newest = self._make()

    def open(self) -> None:
        self._here().open()

    def write(self, events: Sequence[Event]) -> int:
        return self._here().write(events)

    def close(self) -> None:
        self._here().close()

    def _here(self) -> Writer:
        newest = self._newest
        if newest is not self._writer:
            old, self._writer = self._writer, newest
            old.close()
        return self._writer
