"""The layer that looks for planted tokens (`honey.py`): in every request's head, and in what bodies begin with.

Assumption: what a defence refuses before the body is read holds no body for us; its head is looked at all the same.
Cost: nothing where none is planted. Else one pass over the head, and bodies that are forms or JSON are read up to
64 KB before the application gets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..core.ban_table import SELFTEST_KEY
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.headers import Edit
from ..core.layer import PEEK_LIMIT, Layer, Peek
from ..core.ports import Emit
from ..core.verdict import Verdict
from ..events.vocabulary import EventName
from .honey import Found, Honey

NAME: Final = "honey"
_READ: Final = (b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain")


def honey_layer(honey: Honey, emit: Emit) -> Layer:
    """A layer that refuses nothing: what it finds becomes an event, and the rules say what follows."""

    def tell(facts: Facts, found: Iterable[Found], exchange: Exchange | None = None) -> None:
        principal = exchange.principal.id if exchange is not None and exchange.principal is not None else ""
        for one in found:
            emit(EventName.HONEY_TOKEN_USED, facts, planted=one.planted.name, kind=one.planted.kind, place=one.place,
                 certain=one.certain, principal=principal)  # fmt: skip

    def head(exchange: Exchange, edit: Edit) -> None:
        if exchange.facts.client.key != SELFTEST_KEY:
            tell(exchange.facts, honey.in_head(exchange.facts), exchange)

    def body(facts: Facts) -> Peek | None:
        kind = facts.headers.get(b"content-type", b"").lower()
        if not kind.startswith(_READ) and b"+json" not in kind:
            return None

        def judge(prefix: bytes, complete: bool) -> Verdict:
            tell(facts, honey.in_body(facts, prefix))
            return None

        return Peek(PEEK_LIMIT, judge)

    def messages(facts: Facts, exchange: Exchange) -> Callable[[bytes], None] | None:
        return (lambda text: tell(facts, honey.in_body(facts, text), exchange)) if facts.kind == "websocket" else None

    return Layer(NAME, peek=body, watch=messages, amend=head)
