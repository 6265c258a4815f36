"""A configuration that follows its sources: a rotated secret is put to use without a restart.

    live = Live(Shop)
    live.on_change("db.dsn", lambda new: pool.reconnect(new))
    async with live.keeping(seconds=60, emit=app.services.emit): ...

What is read again is checked as at the start. A reading with anything wrong in it changes nothing: the last good
configuration holds, and an event says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from ..core.errors import GarrisonError, OperatorError
from ..core.ports import Emit, silent
from ..policy.held import environment
from ..policy.model import Policy
from ..secrets.listeners import Listeners
from .keys import at
from .load import ByPolicy, load_config
from .model import Config

C = TypeVar("C", bound=Config)
_SHORTEST: Final = 0.05
"""Seconds between two readings, whatever a lease wants."""
Changed = Callable[[Any], Any]
"""Takes the new value; may be an `async def`."""


class Live(Generic[C]):
    """`now` is the configuration as it is; keep no copy of what may change."""

    def __init__(
        self,
        schema: type[C],
        argv: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        policy: Policy | str | Path | None = None,
        emit: Emit = silent,
    ) -> None:
        """Read once, as `load_config` does. Blocks. Raises `ConfigInvalid`."""
        environ = environment() if environ is None else environ
        self._schema = schema
        self._resolve = ByPolicy(policy, environ)  # one log-in for as long as this lives
        self._places: dict[str, Any] = {"argv": argv, "environ": environ, "resolve": self._resolve}
        self._emit = emit
        self._listeners = Listeners()
        self._failing = False
        self.now: C = load_config(schema, **self._places)

    def on_change(self, key: str, changed: Changed) -> None:
        """Call `changed(new value)` whenever the value of `key` has changed, as `Secrets.on_change` does. Raises
        OperatorError for no key."""
        self.now.source(key)
        self._listeners.add(key, changed)

    def refresh(self) -> Sequence[str]:
        """Read all places again and put what has changed to use; the keys of that. Blocks; nothing is raised."""
        return self._put_to_use(self._read())

    def close(self) -> None:
        """End log-ins with sources. Blocks; never raises. `keeping` does it."""
        self._resolve.close()

    def _read(self) -> C | GarrisonError:
        try:
            return load_config(self._schema, **self._places)
        except GarrisonError as error:
            return error

    def _put_to_use(self, read: C | GarrisonError) -> Sequence[str]:
        if isinstance(read, GarrisonError):
            if not self._failing:
                self._emit("service_degraded", service="configuration", error=type(read).__name__)
            self._failing = True
            return ()
        if self._failing:
            self._emit("service_recovered", service="configuration")
            self._failing = False
        old, self.now = self.now, read
        changed = [key for key in read.every_key() if at(old, key.path) != at(read, key.path)]
        for key in changed:
            if key.secret:
                self._emit("secret_rotated", name=key.name)
        self._resolve.told(self._listeners.tell({key.name: at(read, key.path) for key in changed}, self._emit))
        return [key.name for key in changed]

    @asynccontextmanager
    async def keeping(self, seconds: float = 60.0, emit: Emit | None = None) -> AsyncIterator[None]:
        """Read again every `seconds` (in a thread) while the block runs. Raises OperatorError for no time at all."""
        if seconds <= 0:
            raise OperatorError("A configuration is read again after a time above 0 seconds.")
        self._emit = emit or self._emit
        task = asyncio.create_task(self._keep(seconds), name="garrison-config")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(self.close)

    async def _keep(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(min(seconds, max(_SHORTEST, self._resolve.due())))
            try:
                self._put_to_use(await asyncio.to_thread(self._read))
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end rotation without a word
                self._emit("service_degraded", service="configuration", error=type(error).__name__)


def shown(config: Config) -> Mapping[str, str]:
    """Every key's value for people; secrets are a mask, and one that is not set is None."""
    values = {key: at(config, key.path) for key in config.every_key()}
    return {key.name: "***" if key.secret and value is not None else str(value) for key, value in values.items()}
