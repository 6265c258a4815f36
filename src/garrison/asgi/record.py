"""What the onion writes down: refusals, refusals that were only noted, and its own failures."""

from __future__ import annotations

import traceback

from ..core.facts import Facts
from ..core.ports import Emit
from ..core.verdict import Mode, Refuse
from ..events.vocabulary import EventName, for_reason

_TRACE_LIMIT = 4000


def refused(emit: Emit, facts: Facts, refusal: Refuse, mode: Mode, route: str) -> None:
    """A layer refused; under `Mode.MONITOR` the request went on."""
    emit(
        for_reason(refusal.reason),
        facts,
        reason=refusal.reason,
        layer=refusal.layer,
        mode=mode,
        route=route,
        status=refusal.status,
        detail=refusal.detail,
    )


def layer_failed(emit: Emit, facts: Facts, layer: str, error: BaseException, route: str) -> None:
    """A layer raised: the door was closed."""
    emit(
        EventName.LAYER_FAILED,
        facts,
        layer=layer,
        route=route,
        error=type(error).__name__,
        trace=_trace(error),
    )


def unhandled(emit: Emit, facts: Facts, error: BaseException, route: str) -> None:
    """The application raised."""
    emit(EventName.UNHANDLED_ERROR, facts, route=route, error=type(error).__name__, trace=_trace(error))


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-_TRACE_LIMIT:]
