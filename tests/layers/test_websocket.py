"""Messages on a WebSocket are bounded in size and number."""

from __future__ import annotations

import pytest

from garrison.core.ports import Services
from garrison.core.verdict import Mode, Reason
from garrison.layers import websocket
from garrison.layers.websocket import POLICY_VIOLATION, TOO_BIG, Meter
from garrison.policy.model import Policy, WebsocketSection


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def meter(clock: Clock, **keys: object) -> Meter:
    return Meter(WebsocketSection.model_validate(keys), clock)


class TestSize:
    @pytest.mark.parametrize(("text", "data"), [("x" * 1024, None), (None, b"x" * 1024), ("", None), (None, None)])
    def test_a_message_up_to_the_limit_passes(self, text: str | None, data: bytes | None) -> None:
        assert meter(Clock(), message=1024).judge(text, data) is None

    @pytest.mark.parametrize(("text", "data"), [("x" * 1025, None), (None, b"x" * 1025)])
    def test_a_longer_one_is_refused_with_the_close_code_for_it(self, text: str | None, data: bytes | None) -> None:
        refusal = meter(Clock(), message=1024).judge(text, data)
        assert refusal is not None
        assert (refusal.reason, refusal.close) == (Reason.MESSAGE_TOO_LARGE, TOO_BIG)

    @pytest.mark.parametrize(("character", "width"), [("é", 2), ("語", 3), ("🦊", 4), ("\ud800", 3)])
    def test_text_is_measured_in_bytes_not_in_characters(self, character: str, width: int) -> None:
        assert meter(Clock(), message=width * 100).judge(character * 100, None) is None
        assert meter(Clock(), message=width * 100 - 1).judge(character * 100, None) is not None


class TestNumber:
    def test_a_burst_passes_and_the_next_message_is_refused(self) -> None:
        one = meter(Clock(), messages="60/minute burst 3")
        assert [one.judge("x", None) for _ in range(3)] == [None] * 3
        refusal = one.judge("x", None)
        assert refusal is not None
        assert (refusal.reason, refusal.close) == (Reason.MESSAGE_RATE, POLICY_VIOLATION)

    def test_messages_at_the_allowed_pace_pass_without_end(self) -> None:
        clock = Clock()
        one = meter(clock, messages="60/minute burst 1")
        for _ in range(1000):
            assert one.judge("x", None) is None
            clock.now += 1.0

    def test_a_refused_message_is_not_counted(self) -> None:
        clock = Clock()
        one = meter(clock, messages="60/minute burst 1", message=1024)
        assert one.judge("x" * 2000, None) is not None
        assert one.judge("x", None) is None
        assert one.judge("x", None) is not None
        clock.now += 1.0
        assert one.judge("x", None) is None

    def test_two_connections_count_apart(self) -> None:
        clock = Clock()
        for _ in range(2):
            assert meter(clock, messages="1/minute").judge("x", None) is None


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
def test_the_layer_carries_the_mode_of_its_section(mode: Mode) -> None:
    assert websocket.compile(Policy(websocket={"mode": mode}), Services()).mode is mode
