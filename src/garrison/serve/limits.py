"""What one connection may ask of the server, as plain numbers made from the policy.

The caps on headers stand twice as high as the `size` layer's: a request that is only a little too large still reaches
the layer, which answers with a problem document and an event; the server's own caps bound what is held before a request
is complete.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..policy.model import Policy

_LOOSER = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, rates in bytes per second. See `policy.model.ServeSection` for each."""

    handshake: float = 10.0
    header: float = 10.0
    body_grace: float = 10.0
    body_rate: int = 500
    write_grace: float = 20.0
    write_rate: int = 500
    keep_alive: float = 30.0
    connections: int = 256
    ping: float = 20.0
    queue: int = 512
    shutdown: float = 30.0
    header_count: int = 200
    header_bytes: int = 81_920
    message: int = 65_536

    @classmethod
    def of(cls, policy: Policy) -> Limits:
        """The limits of `policy`; what route classes set apart counts by its largest value."""
        serve = policy.serve
        all_classes = [policy, *(policy.effective(route) for route in policy.routes)]
        return cls(
            handshake=serve.handshake,
            header=serve.header,
            body_grace=serve.body_grace,
            body_rate=serve.body_rate,
            write_grace=serve.write_grace,
            write_rate=serve.write_rate,
            keep_alive=serve.keep_alive,
            connections=serve.connections,
            ping=serve.ping,
            queue=serve.queue,
            shutdown=serve.shutdown,
            header_count=_LOOSER * max(one.size.header_count for one in all_classes),
            header_bytes=_LOOSER * max(one.size.header_bytes + one.target.max_length for one in all_classes),
            message=max(one.websocket.message for one in all_classes),
        )
