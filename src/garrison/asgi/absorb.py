"""What the application raised: passed on, answered, or only an echo of what we refused."""

from __future__ import annotations

import sys
from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.verdict import Reason, Refuse
from . import record
from .answer import Answering

_HALF_PAIR: Final = "surrogates not allowed"
"""What Python says of text that holds half a surrogate pair."""


async def absorb(error: Exception, exchange: Exchange, answer: Answering) -> bool:
    """Deal with what the application raised. True when it only follows from our refusal, and is to go no further."""
    if answer.cut:
        return True  # we refused while the application was reading: this is an echo of the disconnect
    if exchange.refusal is not None and not answer.started:
        await answer.finish()  # the application refused and stopped in its own way
        return True
    verdict = None if answer.started or answer.muted else _known_failure(error, exchange)
    if verdict is not None:
        await answer.give(verdict)
        return True
    await answer.crashed(error)
    return False


def _known_failure(error: Exception, exchange: Exchange) -> Refuse | None:
    """What an exception of the application means, where that is known better than "something went wrong"."""
    facts, services = exchange.facts, exchange.services
    if isinstance(error, DependencyError):  # such as a log-in while the session store is away
        return record.failed(services.emit, facts, "application", error, services.route_names[facts.route])
    if isinstance(error, UnicodeEncodeError) and _HALF_PAIR in error.reason and _is_json(facts):
        # JSON may spell half a surrogate pair (`\ud800`); whoever writes it back as UTF-8, as FastAPI's own
        # validation answer does, raises. It is the client's fault, so the answer is a 400.
        return Refuse(Reason.BODY_MALFORMED, 400, layer="errors", detail=_HALF_PAIR, hint="The text is not Unicode.")
    if isinstance(error, ValueError) and _parses_body(error):
        # `await request.json()` of a body that is no JSON: the layer `body` lets an empty one pass, because many
        # clients name the type of a body that they don't send. The application wanted one, so the answer is a 400.
        return Refuse(Reason.BODY_MALFORMED, 400, layer="errors", detail="json", hint="The body is not JSON.")
    return None


def _parses_body(error: Exception) -> bool:
    """Whether it was raised below Starlette's `Request.json`, and not where the application parses something else."""
    request = getattr(sys.modules.get("starlette.requests"), "Request", None)
    wanted = getattr(getattr(request, "json", None), "__code__", None)
    step = error.__traceback__ if wanted is not None else None
    while step is not None:
        if step.tb_frame.f_code is wanted:
            return True
        step = step.tb_next
    return False


def _is_json(facts: Facts) -> bool:
    return b"json" in facts.headers.get(b"content-type", b"").lower()
