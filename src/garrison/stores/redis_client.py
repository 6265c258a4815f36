"""A client of a shared store (Redis or Valkey), the way it is set up: standalone, behind Sentinel, or a cluster.

Threat: the library's defaults wait without end, try again with pauses, and do not check whom they speak to. So every
wait has an end, nothing is tried twice, and TLS checks certificate and name (TLS 1.2 or newer; RFC 9325).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from ssl import TLSVersion
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from ..policy.store_address import StoreAddress
from .scripts import Script

_STEP_SECONDS: Final = 0.5
"""For one step of connecting, such as asking one of several sentinels. Calls have their own, shorter deadline."""


class Command(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[bytes]
    args: Sequence[bytes]

    def words(self, *, whole: bool) -> tuple[bytes | str | int, ...]:
        """What is sent: the script by its digest, or as a `whole` when the store does not know it."""
        name, script = ("EVAL", self.script.text) if whole else ("EVALSHA", self.script.sha)
        return (name, script, len(self.keys), *self.keys, *self.args)


Answers: TypeAlias = list[Any]
"""One answer per command; an exception stands where a command failed."""


class Client(Protocol):
    """`batch` commands may go in one `run`, and that many `runs` at once."""

    batch: int
    runs: int

    async def run(self, commands: Sequence[Command]) -> Answers: ...

    async def aclose(self) -> None: ...


class _Closes(Protocol):
    async def aclose(self) -> None: ...


class _Direct:
    """One primary, through few connections: what waits while they are busy goes together, in one pipeline."""

    batch = 128
    runs = 4

    def __init__(self, redis: Redis, *others: _Closes) -> None:
        self._redis = redis
        self._others = others

    async def run(self, commands: Sequence[Command]) -> Answers:
        answers = await self._send(commands, whole=False)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # found by the type: the library takes the word out of the message
            again = await self._send([commands[place] for place in unknown], whole=True)
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def aclose(self) -> None:
        for one in (self._redis, *self._others):
            with suppress(Exception):  # what is broken already can't be closed any better
                await one.aclose()

    async def _send(self, commands: Sequence[Command], *, whole: bool) -> Answers:
        if len(commands) == 1:
            return [await _answer(self._redis.execute_command(*commands[0].words(whole=whole)))]  # type: ignore[no-untyped-call]
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command.words(whole=whole))
        return await pipeline.execute(raise_on_error=False)


class _Cluster:
    """Several primaries. Commands go one by one: a node that hangs must not hold up what others would answer."""

    batch = 1
    runs = 16

    def __init__(self, redis: RedisCluster) -> None:
        self._redis = redis

    async def run(self, commands: Sequence[Command]) -> Answers:
        return await asyncio.gather(*map(self._one, commands))

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _one(self, command: Command) -> Any:
        answer = await _answer(self._redis.execute_command(*command.words(whole=False)))
        if isinstance(answer, NoScriptError):
            answer = await _answer(self._redis.execute_command(*command.words(whole=True)))
        return answer


async def _answer(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except NoScriptError as error:
        return error


def make_client(address: StoreAddress) -> Client:
    """A client for `address`, whose references are resolved; it connects on first use."""
    common = _common(address)
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return _Cluster(RedisCluster(startup_nodes=nodes, **common))
    if address.kind == "sentinel":
        asked = {**common, "username": address.sentinel_user or None, "password": address.sentinel_password or None}
        sentinel = Sentinel(list(address.hosts), sentinel_kwargs=asked, **common)  # type: ignore[no-untyped-call]
        # The library leaves the connections to the sentinels open when the primary's are closed.
        return _Direct(sentinel.master_for(address.service, db=address.database), *sentinel.sentinels)
    ((host, port),) = address.hosts
    return _Direct(Redis(host=host, port=port, db=address.database, **common))


def _common(address: StoreAddress) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": address.username or None,
        "password": address.password or None,
        "socket_timeout": _STEP_SECONDS,
        "socket_connect_timeout": _STEP_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if address.tls:
        options |= {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        options |= {"ssl_min_version": TLSVersion.TLSv1_2, "ssl_ca_certs": address.ca or None}
    return options
