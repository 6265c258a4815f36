"""The way to a shared store: one client, one deadline, one breaker, for limits and records alike.

A call is answered within 50 ms or raises `StoreAway`; once the store is known to be away, at once. Connecting always
happens aside, with more time, so that no request pays for finding Sentinel's primary or a cluster's map; so does the
attempt to come back, which starts from a new client and needs the store to run a script and write. A timer makes it, so
a process that nobody asks anything comes back, too. An application without an event loop of asyncio (trio) can't use a
shared store.

Assumption: calls come from one event loop at a time. Another loop, as in tests or after a fork, gets its own client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from ..core.clock import Clock
from ..policy.store_address import StoreAddress
from .breaker import Breaker
from .deadline import DeadlinePassed, within
from .errors import StoreAway, StoreMoved
from .flights import Flights
from .redis_client import Client, Command, make_client
from .scripts import ATTEMPT, Script

Changed: TypeAlias = Callable[[bool, str], None]
"""Told once when the store goes away (true, and why) and once when it is back (false)."""

CALL_SECONDS: Final = 0.05
CONNECT_SECONDS: Final = 3.0
_LONGEST_REASON: Final = 200
_LOOK_SECONDS: Final = 0.005
"""Between two looks whether calls on an old client have ended."""
_SHORTEST_REST: Final = 0.01
_BUSY_WEIGHT: Final = 0.5
"""What a late answer weighs when our own event loop was late as well."""


class _Session:
    """What belongs to one event loop."""

    __slots__ = ("connecting", "flights", "loop", "timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.flights: Flights | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Link:
    """See the module. `name` is the store's for people, without user and password; `seconds` is for tests."""

    def __init__(self, address: StoreAddress, clock: Clock, changed: Changed, *, seconds: float | None = None) -> None:
        self.name = str(address)
        self._seconds = CALL_SECONDS if seconds is None else seconds
        self._address = address
        self._changed = changed
        self._breaker = Breaker(clock.monotonic)
        self._session: _Session | None = None
        self._why = "not connected yet"
        self._tried = f"{address.namespace}:attempt".encode()

    @property
    def away(self) -> bool:
        """Whether the store is known not to answer."""
        return self._breaker.open

    async def call(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        """What `script` returns. Raises `StoreAway`, at once while the store is known to be away."""
        session = self._here()
        flights = session.flights
        if flights is None or self._breaker.open:
            flights = await self._connected(session)
        try:
            return await flights.call(Command(script, keys, args))
        except Exception as error:  # noqa: BLE001  # whatever the library raises, the store has not answered
            # Without its cause: the library's own trace would fill every event.
            raise StoreAway(self.name, self._explained(error)) from None

    async def open(self) -> None:
        """Connect, or find out that the store is away. Does not raise."""
        with suppress(StoreAway):
            await self._connected(self._here(), is_patient=True)

    async def use(self, address: StoreAddress) -> None:
        """Go over to `address`, a new password: to a client that was tried out first, while calls on their way end on
        the old one. Raises `StoreAway` when it does not work and `StoreMoved` for another place: the old one stays."""
        if address == self._address:
            return
        if _place(address) != _place(self._address):
            raise StoreMoved
        session = self._here()
        while session.connecting is not None:
            await asyncio.wait({session.connecting})
        session.connecting = session.loop.create_task(self._go_over(session, address))
        await session.connecting

    async def close(self) -> None:
        """Close the client; the next call makes a new one."""
        session, self._session = self._session, None
        if session is None or session.loop is not asyncio.get_running_loop():
            return
        if session.timer is not None:
            session.timer.cancel()
        if session.connecting is not None:
            session.connecting.cancel()
            await asyncio.wait({session.connecting}, timeout=CALL_SECONDS)
        if session.flights is not None:
            await _close(session.flights.client)

    def _here(self) -> _Session:
        loop = asyncio.get_running_loop()
        session = self._session
        if session is None or session.loop is not loop:
            session = self._session = _Session(loop)
        return session

    async def _connected(self, session: _Session, *, is_patient: bool = False) -> Flights:
        """The way there, once there is one. An open breaker lets no request wait: an attempt goes on aside."""
        if session.connecting is None and self._breaker.due:
            session.connecting = session.loop.create_task(self._connect(session))
        if session.connecting is not None and (is_patient or not self._breaker.open):
            longest = CONNECT_SECONDS + self._seconds if is_patient else self._seconds
            await asyncio.wait({session.connecting}, timeout=longest)
        if session.flights is None or self._breaker.open:
            raise StoreAway(self.name, self._why)
        return session.flights

    async def _connect(self, session: _Session) -> None:
        """Make a new client, see that it works, and put it to use. Raises nothing but its own cancellation."""
        left: Client | None = None
        try:
            left = client = make_client(self._address)
            await within(CONNECT_SECONDS, self._try_out(client))
        except Exception as error:  # noqa: BLE001  # as in `call`
            self._why = self._explained(error)
            if self._breaker.attempt_failed():
                self._changed(True, self._why)
            self._arm(session)
        else:
            left = session.flights.client if session.flights is not None else None
            session.flights = Flights(client, self._landed, self._seconds)
            if self._breaker.attempt_succeeded():
                self._changed(False, "")
        finally:
            session.connecting = None
            if left is not None:
                await _close(left)

    async def _go_over(self, session: _Session, address: StoreAddress) -> None:
        client: Client | None = None
        try:
            client = make_client(address)
            await within(CONNECT_SECONDS, self._try_out(client))
        except Exception as error:  # noqa: BLE001  # as in `call`
            if client is not None:
                await _close(client)
            raise StoreAway(self.name, _explained(error, address)) from None
        finally:
            session.connecting = None
        left, session.flights = session.flights, Flights(client, self._landed, self._seconds)
        self._address, self.name = address, str(address)
        if self._breaker.attempt_succeeded():
            self._changed(False, "")
        if left is not None:
            try:
                end = session.loop.time() + 2 * self._seconds  # as long as a call that waits its turn may take
                while left.busy and session.loop.time() < end:  # noqa: ASYNC110  # calls pay for no notice of it
                    await asyncio.sleep(_LOOK_SECONDS)
            finally:
                await _close(left.client)

    async def _try_out(self, client: Client) -> None:
        (answer,) = await client.run([Command(ATTEMPT, [self._tried], [b""])])
        if isinstance(answer, Exception):
            raise answer

    def _landed(self, error: Exception | None, command: Command) -> None:
        if error is None:
            self._breaker.succeeded()
            return
        self._why = self._explained(error)
        busy = isinstance(error, DeadlinePassed) and error.busy
        if self._breaker.failed(_BUSY_WEIGHT if busy else 1.0):
            # In a cluster the attempt must ask the node that failed: the same hash tag leads there.
            key = command.keys[0]
            self._tried = key[: key.find(b"}") + 1] + b":attempt"
            self._changed(True, self._why)
            if self._session is not None:
                self._arm(self._session)

    def _arm(self, session: _Session) -> None:
        """Have the next attempt made when its time has come."""
        if session.timer is None and session is self._session:
            session.timer = session.loop.call_later(max(_SHORTEST_REST, self._breaker.left), self._retry, session)

    def _retry(self, session: _Session) -> None:
        session.timer = None
        if session is not self._session or not self._breaker.open or session.connecting is not None:
            return  # closed, back already, or an attempt is on its way, which arms the next one
        if self._breaker.due:
            session.connecting = session.loop.create_task(self._connect(session))
        else:
            self._arm(session)

    def _explained(self, error: Exception) -> str:
        return _explained(error, self._address)


def _explained(error: Exception, address: StoreAddress) -> str:
    text = " ".join(str(error).split())
    for secret in (address.password, address.sentinel_password):
        text = text.replace(secret, "***") if secret else text
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON].rstrip(".")


def _place(address: StoreAddress) -> tuple[str, int, str, str]:
    return address.kind, address.database, address.service, address.namespace


async def _close(client: Client) -> None:
    """Close what may hang or be half open; nobody waits for it longer than a call."""
    with suppress(Exception):
        await within(CALL_SECONDS, client.aclose())
