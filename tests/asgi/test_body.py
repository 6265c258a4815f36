"""The guarded `receive`: what is judged, looked at ahead, replayed, and said after a refusal."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from garrison.asgi.body import Body, Judges
from garrison.core.exchange import Exchange
from garrison.core.facts import Facts
from garrison.core.ports import Services
from garrison.core.verdict import Mode, Reason, Refuse
from garrison.layers.size import Decoder
from tests.asgi.driving import Message, request_body
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio

REFUSAL = Refuse(Reason.BODY_TOO_LARGE, 413)
DISCONNECT: Message = {"type": "http.disconnect"}


class Bench:
    """A body under test, and everything it told."""

    def __init__(self, *messages: Message, mode: Mode = Mode.ENFORCE, decoder: Decoder | None = None) -> None:
        self.waiting = list(messages)
        self.refused: list[Refuse] = []
        self.told: list[tuple[str, Any, Any]] = []
        judges = Judges([("mine", mode, self.look)], Exchange(make_facts(), Services(emit=self.emit)), "api")
        self.body = Body(self.receive, judges, decoder)

    async def receive(self) -> Message:
        return self.waiting.pop(0) if self.waiting else DISCONNECT

    async def refuse(self, refusal: Refuse) -> None:
        self.refused.append(refusal)

    def emit(self, name: str, facts: Facts | None = None, /, **details: Any) -> None:
        assert details["route"] == "api"
        self.told.append((name, details["mode"], details.get("error")))

    def look(self, chunk: bytes) -> Refuse | None:
        if chunk == b"break":
            raise LookupError
        return REFUSAL if chunk == b"bad" else None

    async def heard(self, times: int) -> list[Any]:
        return [(await self.body.next(self.refuse)).get("body") for _ in range(times)]


async def test_a_refused_chunk_and_all_after_it_are_a_disconnect_and_the_refusal_is_told_once() -> None:
    bench = Bench(*request_body(b"a", b"bad", b"bad", b"c"))
    assert await bench.heard(5) == [b"a", None, None, None, None]
    assert (bench.refused, len(bench.waiting)) == ([REFUSAL], 2)


async def test_a_check_that_breaks_refuses() -> None:
    bench = Bench(*request_body(b"break", b"c"))
    assert await bench.heard(2) == [None, None]
    (refusal,) = bench.refused
    assert (refusal.status, refusal.layer) == (503, "mine")
    assert bench.told == [("layer_failed", Mode.ENFORCE, "LookupError")]


async def test_monitor_mode_notes_once_and_lets_everything_pass() -> None:
    bench = Bench(*request_body(b"bad", b"bad", b"c"), mode=Mode.MONITOR)
    assert await bench.heard(3) == [b"bad", b"bad", b"c"]
    assert bench.refused == []
    assert bench.told == [("size_exceeded", Mode.MONITOR, None)]


async def test_a_body_that_was_read_to_its_end_is_not_waited_for_again() -> None:
    bench = Bench(*request_body(b"whole"))
    assert await bench.body.prefix(100, bench.refuse) == (b"whole", True)
    assert await bench.body.prefix(100, bench.refuse) == (b"whole", True)
    assert await bench.body.prefix(2, bench.refuse) == (b"wh", False)
    assert await bench.heard(2) == [b"whole", None]


async def test_a_client_that_leaves_while_one_looks_ahead_sent_an_incomplete_body() -> None:
    bench = Bench(*request_body(b"half", b"rest")[:1])
    assert await bench.body.prefix(100, bench.refuse) == (b"half", False)
    assert await bench.body.prefix(100, bench.refuse) == (b"half", False)
    assert [(await bench.body.next(bench.refuse))["type"] for _ in range(3)] == [
        "http.request",
        "http.disconnect",
        "http.disconnect",
    ]


async def test_a_refusal_while_one_looks_ahead_leaves_nothing_to_replay() -> None:
    bench = Bench(*request_body(b"a", b"bad", b"c"))
    await bench.body.prefix(100, bench.refuse)
    assert bench.body.refused
    assert await bench.heard(2) == [None, None]
    assert await bench.body.prefix(100, bench.refuse) == (b"", False)


async def test_what_a_disconnect_looks_like_can_not_be_spoilt_by_an_application() -> None:
    bench = Bench(*request_body(b"bad"))
    first = await bench.body.next(bench.refuse)
    first["type"] = "spoilt"
    assert (await bench.body.next(bench.refuse))["type"] == "http.disconnect"


async def test_the_limit_is_of_decoded_bytes_and_chunks_may_decode_to_nothing() -> None:
    packed = gzip.compress(b"x" * 1000)
    parts = request_body(*[packed[at : at + 1] for at in range(len(packed))])
    bench = Bench(*parts, decoder=Decoder("gzip", 10_000, 1000))
    assert await bench.body.prefix(10, bench.refuse) == (b"x" * 10, False)
    assert b"".join(await bench.heard(len(parts))) == b"x" * 1000
