"""Sources that can't be asked, told once when it begins, once when it is another, and once when it is over; and leases
that have ended meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.errors import GarrisonError
from ..core.ports import Emit
from .errors import LeaseAtRisk

_MOST = 5


class Outage:
    """`service` is what events call it."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._failing: frozenset[str] = frozenset()
        self._ended: frozenset[str] = frozenset()

    def tell(self, emit: Emit, failed: Mapping[str, GarrisonError]) -> None:
        """What can't be had now, by name; nothing for all is well."""
        ended = frozenset(name for name, error in failed.items() if isinstance(error, LeaseAtRisk) and not error.left)
        for name in sorted(ended - self._ended):
            emit("secret_expired", name=name)
        self._ended = ended
        now = frozenset(failed)
        if now and now != self._failing:
            why = "; ".join(f"{name}: {error.message}" for name, error in sorted(failed.items())[:_MOST])
            emit("service_degraded", service=self._service, error=why)
        elif self._failing and not now:
            emit("service_recovered", service=self._service)
        self._failing = now
