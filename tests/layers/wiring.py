"""Services for layers under test: a real signature, a clock that stands still, events in a list."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from garrison.core.clock import Clock
from garrison.core.exchange import Exchange
from garrison.core.facts import Facts
from garrison.core.headers import Edit
from garrison.core.layer import Layer
from garrison.core.ports import Detail, Services
from garrison.core.verdict import Verdict

NOW = 1_800_000_000.0


class KeyedSign:
    """Keyed BLAKE2b (RFC 7693), one key per purpose."""

    def __init__(self, purpose: str) -> None:
        self._key = blake2b(purpose.encode(), digest_size=32).digest()

    def sign(self, data: bytes) -> str:
        return "t1_" + blake2b(data, key=self._key, digest_size=16).hexdigest()

    def verify(self, data: bytes, tag: str) -> bool:
        return tag.isascii() and hmac.compare_digest(self.sign(data), tag)


@dataclass
class Bench:
    """What a test turns and reads: the time, the events, who the session is."""

    wall: float = NOW
    events: list[tuple[str, dict[str, Detail]]] = field(default_factory=list)
    session: Callable[[Facts], str | None] = lambda facts: None
    presession: Callable[[Exchange], str] | None = None

    def services(self) -> Services:
        def emit(name: str, facts: Facts | None = None, /, **details: Detail) -> None:
            self.events.append((name, details))

        return Services(
            clock=Clock(monotonic=lambda: self.wall, wall=lambda: self.wall),
            emit=emit,
            signer=KeyedSign,
            session_id=lambda facts: self.session(facts),
            start_presession=self.presession,
        )


def judge(layer: Layer, facts: Facts, exchange: Exchange | None = None, body: bytes | None = None) -> Verdict:
    """What `layer` says: `decide`, `toll`, then a look at `body`, as the onion would ask."""
    if layer.decide is not None and (verdict := layer.decide(facts)) is not None:
        return verdict
    exchange = exchange or Exchange(facts, Services())
    if layer.toll is not None and (verdict := layer.toll(facts, exchange)) is not None:  # type: ignore[assignment]
        return verdict
    if layer.peek is not None and (wish := layer.peek(facts)) is not None:
        return wish.judge((body or b"")[: wish.limit], len(body or b"") <= wish.limit)
    return None


def answer(
    layer: Layer, exchange: Exchange, headers: list[tuple[bytes, bytes]], *, status: int = 200, ours: bool = False
) -> list[tuple[bytes, bytes]]:
    """The headers of an answer after `layer` had its turn."""
    kept = [pair for pair in headers if pair[0] not in layer.drops]
    edit = Edit(status, [*kept, *layer.sets], ours=ours)
    if layer.amend is not None:
        layer.amend(exchange, edit)
    if layer.varies:
        edit.vary(*layer.varies)
    return edit.headers


def values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """All values of `name`, in order."""
    return [value for key, value in headers if key == name]
