"""Many nodes, one detection: events go through a stream of the shared store, and one process at a time folds them.

Threat: an attack spread over many processes, each of which sees too little of it. So every process appends what its
rules watch, and the one that holds the lease reads all of it, in a consumer group. What it has read is acknowledged
only after its alerts are written: if it dies before, whoever takes over gets it again (at least once). The stream is
the memory: who takes over folds again what it still holds of the last hour, in silence. An alert is claimed before it
is told and marked when it was, so that nobody tells twice what was told; a claim of the dead is told again, under the
same id.

Assumption: the store is shared by nodes of one application that trust each other. Lets pass: while the store is away,
every process folds what it sees by itself, and an event says so; what the stream no longer holds (`KEEP`) at a
take-over.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ssl import TLSVersion
from typing import Any, Final

from ..core.errors import DependencyError
from ..events.event import Event
from ..policy.store_address import StoreAddress
from .alert import Alert
from .lease_script import LEASE, RELEASE

KEEP: Final = 50_000
LEASE_MS: Final = 3000
_BATCH: Final = 500
_MOST_BATCHES: Final = 20
_LOOK_BACK_MS: Final = 3_600_000
_GROUP: Final = "detection"
_TIMEOUT: Final = 1.0
_TELLING, _TOLD = "telling", "told"

Entry = tuple[str, Event]
Told = Callable[[str, int], None]


class StreamAway(DependencyError):
    """The shared store does not answer, or not as it should."""


class Stream:
    """Used by one thread. Every method raises `StreamAway`.

    connect  makes the client (`client_for`)
    prefix   begins all keys
    wall     wall time

    `numbered` is told the publisher and number of every entry that is read: each publisher counts its own.
    """

    def __init__(self, connect: Callable[[], Any], prefix: str, wall: Callable[[], float]) -> None:
        self._connect, self._wall = connect, wall
        self.numbered: Told = lambda publisher, number: None
        tag = f"{prefix}:{{detection}}"  # one slot of a cluster
        self._key, self._lease, self._claims = f"{tag}:events", f"{tag}:lease", f"{tag}:alert:"
        self.reset()

    def reset(self) -> None:
        """A new life, as after a fork: its own connection and name."""
        self._process = os.getpid()
        self._me = f"{self._process}-{secrets.token_hex(4)}"
        self._client: Any = None
        self._outdated = False
        self._published = 0
        self.leading = False

    async def renew(self) -> None:
        """Connect anew before the next call: the password is another. The one exception to "one thread"."""
        self._outdated = True

    def publish(self, events: Sequence[Event]) -> None:
        """Append `events`."""
        if events:
            with _Guard(self):
                pipe = self._open().pipeline(transaction=False)
                for number, event in enumerate(events, self._published + 1):
                    entry = {"e": event.to_json(), "p": self._me, "n": number}
                    pipe.xadd(self._key, entry, maxlen=KEEP, approximate=True)
                pipe.execute()
            self._published += len(events)

    def lead(self) -> tuple[bool, bool]:
        """Whether this process holds the lease now, and whether it has only just got it."""
        with _Guard(self):
            held = bool(self._open().eval(LEASE, 1, self._lease, self._me, LEASE_MS))
        new, self.leading = held and not self.leading, held
        return held, new

    def abandon(self) -> None:
        """Give the lease back, at the end."""
        if self.leading:
            with _Guard(self):
                self._open().eval(RELEASE, 1, self._lease, self._me)
            self.leading = False

    def inherit(self) -> tuple[list[Event], list[Entry]]:
        """At a take-over: what was folded already, and what was read by others and never acknowledged."""
        with _Guard(self):
            self._make_group()
            open_ = list(self._pending())
            unfinished = {name for name, _ in open_}
            since = f"{int(self._wall() * 1000) - _LOOK_BACK_MS}-0"
            last = next(g["last-delivered-id"] for g in self._open().xinfo_groups(self._key) if g["name"] == _GROUP)
            known = [event for name, event in self._range(since, last) if name not in unfinished]
            return known, open_

    def read(self) -> Iterator[list[Entry]]:
        """What is new, in batches; the next comes only after the one before is dealt with."""
        for _ in range(_MOST_BATCHES):
            with _Guard(self):
                found = self._open().xreadgroup(_GROUP, self._me, {self._key: ">"}, count=_BATCH)
            entries = [(name, fields) for _, rows in found or () for name, fields in rows]
            if not entries:
                return
            yield list(self._events(entries))
            self.finish([name for name, _ in entries])

    def finish(self, names: Sequence[str]) -> None:
        """These entries are dealt with."""
        if names:
            with _Guard(self):
                self._open().xack(self._key, _GROUP, *names)

    def claim(self, alert: Alert) -> bool:
        """Whether `alert` is still to be told."""
        key, life = self._claims + alert.key, int(alert.rule.cooldown * 1000)
        with _Guard(self):
            client = self._open()
            return bool(client.set(key, _TELLING, nx=True, px=life)) or client.get(key) != _TOLD

    def told(self, alert: Alert) -> None:
        """`alert` is written."""
        with _Guard(self):
            self._open().set(self._claims + alert.key, _TOLD, px=int(alert.rule.cooldown * 1000))

    def _open(self) -> Any:
        if self._process != os.getpid():
            self.reset()
        if self._outdated and self._client is not None:
            self._client, old = None, self._client
            with suppress(Exception):  # what is broken already can't be closed any better
                old.close()
        self._outdated = False
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _make_group(self) -> None:
        groups = self._open().xinfo_groups(self._key) if self._open().exists(self._key) else []
        if not any(group["name"] == _GROUP for group in groups):
            self._open().xgroup_create(self._key, _GROUP, id="0", mkstream=True)

    def _pending(self) -> Iterator[Entry]:
        at = "0-0"
        while True:
            at, rows, *_ = self._open().xautoclaim(self._key, _GROUP, self._me, 0, start_id=at, count=_BATCH)
            yield from self._events(rows)
            if at == "0-0":
                return

    def _range(self, start: str, end: str) -> Iterator[Entry]:
        while rows := self._open().xrange(self._key, min=start, max=end, count=_BATCH):
            yield from self._events(rows)
            start = f"({rows[-1][0]}"

    def _events(self, rows: Sequence[tuple[str, dict[str, str] | None]]) -> Iterator[Entry]:
        """What can be read of `rows`; an entry that is none of ours must not stop the others."""
        for name, fields in rows:
            try:
                found = fields or {}
                event = Event.from_dict(json.loads(found["e"]))
                if "p" in found:  # a node of an earlier version numbers nothing
                    self.numbered(found["p"], int(found["n"]))
            except (ValueError, KeyError, TypeError):
                continue
            yield name, event


class _Guard:
    """Whatever the library raises becomes `StreamAway`; the connection is made anew the next time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        """Nothing is taken."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DependencyError):
            self._stream._client = None
            raise StreamAway(f"Detection's stream does not answer: {type(error).__name__}.") from error


def client_for(address: StoreAddress) -> Any:
    """A client for `address`, connected on first use; every wait has an end. Raises `DependencyError`."""
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
        from redis.sentinel import Sentinel
    except ImportError:
        raise StreamAway("A shared store needs the package 'redis'.", remedy='pip install "garrison[redis]"') from None
    options: dict[str, Any] = {
        "username": address.username or None, "password": address.password or None, "socket_timeout": _TIMEOUT,
        "socket_connect_timeout": _TIMEOUT, "retry": Retry(NoBackoff(), 0), "decode_responses": True, "protocol": 2,
    }  # fmt: skip
    if address.tls:
        options |= {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options |= {"ssl_min_version": TLSVersion.TLSv1_2, "ssl_ca_certs": address.ca or None}
    if address.kind == "cluster":
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
        return redis.RedisCluster(startup_nodes=nodes, **options)
    if address.kind == "sentinel":
        asked = {**options, "username": address.sentinel_user or None, "password": address.sentinel_password or None}
        sentinel = Sentinel(list(address.hosts), sentinel_kwargs=asked, **options)  # type: ignore[no-untyped-call]
        return sentinel.master_for(address.service, db=address.database)  # type: ignore[no-untyped-call]
    ((host, port),) = address.hosts
    return redis.Redis(host=host, port=port, db=address.database, **options)
