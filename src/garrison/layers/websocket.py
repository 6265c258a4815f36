"""WebSocket messages: their size and their rate, per connection.

Threat: one accepted connection sends without end, or one message fills the memory (CWE-400, CWE-770). Servers accept
16 MiB messages by default. The handshake itself is judged by the other layers: host, origin, rate and the rest.
Lets pass: many connections of one client within the address limit; connection caps belong to the server.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.layer import Layer
from ..core.ports import Services
from ..core.verdict import Reason, Refuse
from ..policy.model import Policy, WebsocketSection

TOO_BIG = 1009
"""Close code for a message that is too big to process (RFC 6455, section 7.4.1)."""
POLICY_VIOLATION = 1008
_WIDEST_CHARACTER = 4
"""Bytes of the widest UTF-8 character: a text shorter than limit / 4 characters need not be encoded to be measured."""


def compile(policy: Policy, services: Services) -> Layer:
    """The layer's place in the stack; messages are measured by `Meter`."""
    return Layer("websocket", mode=policy.websocket.mode)


class Meter:
    """Measures one connection's messages: bytes each, and GCRA over their number."""

    __slots__ = ("_burst_span", "_due", "_interval", "_limit", "_now")

    def __init__(self, section: WebsocketSection, now: Callable[[], float]) -> None:
        rate = section.messages
        self._limit = section.message
        self._interval = rate.window / rate.limit
        self._burst_span = self._interval * rate.burst
        self._due = 0.0
        self._now = now

    def judge(self, text: str | None, data: bytes | None) -> Refuse | None:
        """A refusal for a message that is too large or comes too early; otherwise it is counted."""
        if self._size_over(text, data):
            return Refuse(
                Reason.MESSAGE_TOO_LARGE, 413, layer="websocket", close=TOO_BIG, hint="The message is too large."
            )
        now = self._now()
        due = max(self._due, now) + self._interval
        if due - now > self._burst_span + 1e-9:
            return Refuse(
                Reason.MESSAGE_RATE, 429, layer="websocket", close=POLICY_VIOLATION, hint="Too many messages."
            )
        self._due = due
        return None

    def _size_over(self, text: str | None, data: bytes | None) -> bool:
        if data is not None and len(data) > self._limit:
            return True
        if text is None or len(text) * _WIDEST_CHARACTER <= self._limit:
            return False
        return len(text) > self._limit or len(text.encode("utf-8", "surrogatepass")) > self._limit
