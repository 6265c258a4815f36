"""What the onion writes down: refusals, refusals that were only noted, and its own failures."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.ports import Emit
from ..core.verdict import Mode, Reason, Refuse
from ..events.vocabulary import EventName, for_reason

_TRACE_LIMIT = 4000
_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Shut(Refuse):
    """A door that is closed because its guard failed. Made by `failed`, which has put it on record."""


def refused(
    emit: Emit, facts: Facts, refusal: Refuse, mode: Mode, route: str, exchange: Exchange | None = None
) -> None:
    """A layer refused; under `Mode.MONITOR` the request went on. `exchange` tells who it was, where that is known."""
    if isinstance(refusal, Shut):
        return
    emit(
        for_reason(refusal.reason),
        facts,
        reason=refusal.reason,
        layer=refusal.layer,
        mode=mode,
        route=route,
        status=refusal.status,
        detail=refusal.detail,
        **_who(exchange),
    )


def failed(emit: Emit, facts: Facts | None, layer: str, error: BaseException, route: str) -> Shut:
    """A guard raised, or what it depends on did not answer: put it on record, and close the door whatever the mode."""
    if isinstance(error, DependencyError):
        shut = Shut(Reason.STORE_AWAY, 503, layer=layer, retry_after=_RETRY_SECONDS)
    else:
        shut = Shut(Reason.LAYER_FAILED, 503, layer=layer)
    emit(
        for_reason(shut.reason),
        facts,
        reason=shut.reason,
        layer=layer,
        mode=Mode.ENFORCE,
        route=route,
        status=shut.status,
        error=type(error).__name__,
        trace=_trace(error),
    )
    return shut


def unhandled(emit: Emit, facts: Facts, error: BaseException, route: str, exchange: Exchange | None = None) -> None:
    """The application raised."""
    name, trace = type(error).__name__, _trace(error)
    emit(EventName.UNHANDLED_ERROR, facts, route=route, error=name, trace=trace, **_who(exchange))


def _who(exchange: Exchange | None) -> dict[str, str]:
    """The verified principal and the session, as far as they are known by now. Sessions are hashed by `events`."""
    if exchange is None:
        return {}
    known = {"session": exchange.session, "principal": exchange.principal.id if exchange.principal else None}
    return {name: value for name, value in known.items() if value}


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-_TRACE_LIMIT:]
