"""The ways out: syslog over TLS, webhooks, OTLP, Redis streams. Each is a `Writer` that may block for some seconds.

Threat: a receiver that is not the one meant, or others on the way: TLS is verified with the system's authorities or the
policy's `ca`; plaintext needs to be allowed by name. A webhook is signed, so its receiver can tell it from others'.
Lets pass: syslog has no answers (RFC 5425, section 4.4): what the system had taken when the receiver died is lost.
"""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ...core.errors import DependencyError
from ..event import Event
from ..links import Link
from ..post import TIMEOUT, post
from .formats import framed, syslog_message
from .metrics import Counts
from .otlp import to_otlp, to_otlp_metrics

Render = Callable[[Event], str]


class SyslogSender:
    """RFC 5424 messages over TLS (RFC 5425) or TCP (RFC 6587), one connection that is kept."""

    def __init__(self, link: Link, render: Render, context: ssl.SSLContext | None) -> None:
        self.name = f"{link.scheme}:{link.host}"
        self._link = link
        self._render = render
        self._context = context
        self._socket: socket.socket | None = None

    def open(self) -> None:
        if self._socket is not None and self._has_ended(self._socket):
            self.close()
        if self._socket is None:
            plain = socket.create_connection((self._link.host, self._link.port), TIMEOUT)
            try:
                self._socket = (
                    self._context.wrap_socket(plain, server_hostname=self._link.host) if self._context else plain
                )
            except BaseException:
                plain.close()
                raise

    def write(self, events: Sequence[Event]) -> int:
        self.open()
        assert self._socket is not None  # noqa: S101 - open() raises otherwise; for the type checker
        try:
            self._socket.sendall(b"".join(framed(syslog_message(one, self._render(one))) for one in events))
        except OSError:
            self.close()
            raise
        return len(events)

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    @staticmethod
    def _has_ended(connection: socket.socket) -> bool:
        """Receivers say nothing but farewell; what else TLS brings (session tickets) is read and left."""
        connection.settimeout(0)
        try:
            return not connection.recv(1024)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            connection.settimeout(TIMEOUT)


class WebhookSender:
    """POSTs a JSON array, signed as Standard Webhooks have it (HMAC-SHA256 over id, time and body)."""

    def __init__(self, link: Link, render: Render, context: ssl.SSLContext | None, key: bytes) -> None:
        self.name = f"webhook:{link.host}"
        self._url = link.url
        self._render = render
        self._context = context
        self._key = key

    def open(self) -> None:
        """Each batch is a connection of its own."""

    def write(self, events: Sequence[Event]) -> int:
        body = f"[{','.join(map(self._render, events))}]".encode()
        # The same batch, sent again after a lost answer, has the same id: receivers drop it by that.
        batch = f"{events[0].run or 'own'}-{events[0].seq}-{len(events)}"
        post(self._url, body, signed_headers(self._key, batch, int(time.time()), body), context=self._context)
        return len(events)

    def close(self) -> None:
        """Nothing is kept."""


def signed_headers(key: bytes, id: str, now: int, body: bytes) -> dict[str, str]:
    """The headers of a signed webhook."""
    tag = hmac.digest(key, f"{id}.{now}.".encode() + body, "sha256")
    return {
        "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(tag).decode('ascii')}",
    }  # fmt: skip


class OtlpSender:
    """OpenTelemetry logs over OTLP/HTTP in its JSON encoding (opentelemetry.io/docs/specs/otlp)."""

    def __init__(self, link: Link, context: ssl.SSLContext | None) -> None:
        self.name = f"otlp:{link.host}"
        scheme = link.scheme.removeprefix("otlp+")
        self._url = f"{scheme}://{link.url.partition('://')[2].rstrip('/')}{'' if link.path.strip('/') else '/v1/logs'}"
        self._context = context

    def open(self) -> None:
        """Each batch is a connection of its own."""

    def write(self, events: Sequence[Event]) -> int:
        _post_json(self._url, to_otlp(events), self._context)
        return len(events)

    def close(self) -> None:
        """Nothing is kept."""


class OtlpMetricsSender:
    """The counter by itself, as a receiver of its own: that it fails must not send logs twice, nor go unnoticed."""

    def __init__(self, link: Link, context: ssl.SSLContext | None) -> None:
        scheme = link.scheme.removeprefix("otlp+")
        self.name = f"otlp-metrics:{link.host}"
        base = f"{scheme}://{link.url.partition('://')[2].rstrip('/')}"
        self._url = f"{base.removesuffix('/v1/logs')}/v1/metrics"
        self._context = context
        self._counts = Counts()
        self._start = time.time()

    def open(self) -> None:
        """Each report is a connection of its own."""

    def write(self, events: Sequence[Event]) -> int:
        ahead = Counts(self._counts)
        ahead.write(events)
        _post_json(self._url, to_otlp_metrics(ahead.items(), events[0].node, self._start, time.time()), self._context)
        self._counts = ahead  # only now: a batch that comes again must not count twice
        return len(events)

    def close(self) -> None:
        """The counts stay."""


def _post_json(url: str, message: dict[str, Any], context: ssl.SSLContext | None) -> None:
    body = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    post(url, body, {"Content-Type": "application/json"}, context=context)


class RedisMissing(DependencyError):
    """The package for Redis streams is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Exporting to a Redis stream needs the package 'redis', which is not installed.",
            remedy='Install it with: pip install "garrison[redis]"',
        )


class RedisSender:
    """Appends to a stream, whose length is kept near `keep`; each entry has the fields `name` and `event` (JSON)."""

    def __init__(self, url: str, host: str, stream: str, keep: int, render: Render) -> None:
        self.name = f"redis:{host}"
        self._url = url
        self._stream = stream
        self._keep = keep
        self._render = render
        self._client: Any = None

    def open(self) -> None:
        if self._client is None:
            try:
                import redis
                from redis.backoff import NoBackoff
                from redis.retry import Retry
            except ImportError:
                raise RedisMissing from None
            self._client = redis.Redis.from_url(
                self._url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
            )  # fmt: skip

    def write(self, events: Sequence[Event]) -> int:
        self.open()
        pipe = self._client.pipeline(transaction=True)
        for one in events:
            fields = {"name": one.name.value, "event": self._render(one)}
            pipe.xadd(self._stream, fields, maxlen=self._keep, approximate=True)
        pipe.execute()
        return len(events)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
