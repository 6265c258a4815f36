"""One HTTP request through the onion: read it, ask the layers, run the application, answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.ports import Services
from ..core.verdict import Reason, Refuse
from . import record
from .ahead import may_have_body, open_body
from .answer import Answering
from .door import Door
from .facts import ReadFacts
from .inner import inner_scope
from .judge import let_go, let_in, settled
from .own import Own
from .types import App, Receive, Scope, Send
from .unread import refuse_unread

_HALF_PAIR: Final = "surrogates not allowed"
"""What Python says of text that holds half a surrogate pair."""


class Requests:
    """Serves requests. Apart from `Onion`, whose `__getattr__` would make every look-up of an attribute dear."""

    __slots__ = ("_app", "_doors", "_own", "_prefix", "_read", "_services")

    def __init__(self, app: App, own: Own, doors: Sequence[Door], read: ReadFacts, services: Services) -> None:
        self._app = app
        self._own = own
        self._prefix = own.prefix
        self._doors = tuple(doors)
        self._read = read.__call__  # bound once: calling an instance looks the method up each time
        self._services = services

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """What the application returns. Raises what it raises, once that is recorded and answered."""
        services = self._services
        try:
            facts = self._read(scope)
        except Exception as error:  # noqa: BLE001  # what can't be read can't be judged: the door stays closed
            return await refuse_unread(self._doors[0], services.emit, error, "http", receive, send)
        door = self._doors[facts.route]
        exchange = Exchange(facts, services, door.stands)
        answer = Answering(door, exchange, receive, send)
        try:
            verdict = let_in(door, facts, exchange)
            if verdict is not None:
                verdict = await settled(verdict)
            if verdict is None and may_have_body(scope, facts):
                answer.body, scope, verdict = open_body(door, exchange, answer.cut_off, scope, receive)
                if verdict is not None:
                    verdict = await settled(verdict)
            if verdict is not None:
                await answer.give(verdict)
            if answer.muted:
                return None
            inner = inner_scope(scope, exchange)
            app = self._own if scope["path"].startswith(self._prefix) else self._app
            try:
                result = await app(inner, answer.receive, answer.send)
            except Exception as error:
                if await _absorb(error, exchange, answer):
                    return None
                raise
            if not answer.started:
                await answer.finish()
            return result
        finally:
            let_go(door, exchange)


async def _absorb(error: Exception, exchange: Exchange, answer: Answering) -> bool:
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
