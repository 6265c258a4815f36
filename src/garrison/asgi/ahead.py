"""The request body before the application runs: who watches it, who decodes it, and who wants to see its beginning."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Peek
from ..core.names import SAFE_METHODS
from ..core.verdict import Answer, Mode, Refuse
from ..layers.body import FormWatch
from ..layers.size import Decoder, wants_decoding
from . import record
from .body import Body, Check, Judges, OnRefuse, expect
from .door import Door
from .judge import Stands
from .types import Receive, Scope

_ANNOUNCED = frozenset({"1.0", "1.1"})
_OF_ENCODED_FORM = frozenset({b"content-encoding", b"content-length"})


def may_have_body(scope: Scope, facts: Facts) -> bool:
    """HTTP/1 announces a body by header; HTTP/2 and later need not."""
    return (
        facts.method not in SAFE_METHODS
        or b"content-length" in facts.headers
        or b"transfer-encoding" in facts.headers
        or scope.get("http_version", "1.1") not in _ANNOUNCED
    )


def open_body(
    door: Door,
    exchange: Exchange,
    on_refuse: OnRefuse,
    scope: Scope,
    receive: Receive,
) -> tuple[Body | None, Scope, Stands | Awaitable[Stands]]:
    """The guarded body, if anybody guards it; the scope that fits it; and the verdict of layers that look ahead, late
    where one wants to."""
    facts = exchange.facts
    checks = watchers(door, exchange)
    if isinstance(checks, Refuse):
        return None, scope, checks
    decoder = None
    if b"content-encoding" in facts.headers and (encoding := wants_decoding(facts, door.policy.size)):
        section = door.policy.size
        decoder = Decoder(encoding, section.decompressed, section.ratio)
        scope = {**scope, "headers": _decoded_headers(scope["headers"])}
    wishes = []
    for layer, mode, ask in door.stack.peeks:
        try:
            wish = ask(facts)
        except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door, whatever broke it
            return None, scope, record.failed(exchange.services.emit, facts, layer, error, door.name)
        if wish is not None:
            wishes.append((layer, mode, wish))
    if not checks and decoder is None and not wishes:
        return None, scope, None
    body = Body(receive, Judges(checks, exchange, door.name), decoder)
    return body, scope, _look_ahead(wishes, door, exchange, body, on_refuse) if wishes else None


def watchers(door: Door, exchange: Exchange) -> list[Check] | Refuse:
    """The checks that layers make for this body or connection; a closed door when a layer can't make its own."""
    checks: list[Check] = []
    for layer, mode, watch in door.stack.watches:
        try:
            check = watch(exchange.facts, exchange)
        except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door, whatever broke it
            return record.failed(exchange.services.emit, exchange.facts, layer, error, door.name)
        if isinstance(check, FormWatch):
            exchange.form = check.form
        if check is not None:
            checks.append((layer, mode, check))
    return checks


async def _look_ahead(
    wishes: Sequence[tuple[str, Mode, Peek]], door: Door, exchange: Exchange, body: Body, on_refuse: OnRefuse
) -> Stands:
    for layer, mode, wish in wishes:
        try:
            prefix, complete = await body.prefix(wish.limit, on_refuse)
            if body.refused:
                return None
            if wish.read is not None:
                verdict, exchange.document = wish.read(prefix, complete)
            else:
                verdict = wish.judge(prefix, complete)
            if verdict is None:
                continue
            expect(verdict, Refuse, Answer)
        except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door
            return record.failed(exchange.services.emit, exchange.facts, layer, error, door.name)
        if mode is Mode.ENFORCE or isinstance(verdict, Answer):
            return verdict
        record.refused(exchange.services.emit, exchange.facts, verdict, mode, door.name)
    return None


def _decoded_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the application sees once the body is decoded: no encoding, no length of the encoded form."""
    return [pair for pair in headers if pair[0] not in _OF_ENCODED_FORM]
