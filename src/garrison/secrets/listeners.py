"""Who is told when a secret has changed, and whether they have let go of the old value.

A listener is called on the event loop. One that is an `async def` is let run, and has let go of the old value when
it ends. One that failed still uses the old value, as far as anybody can tell: what it holds is not taken away.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ..core.ports import Emit
from .secret import Secret

Changed = Callable[[Secret[str]], Any]
"""Takes the new value; may be an `async def`."""


class Listeners:
    """By the name of the secret."""

    def __init__(self) -> None:
        self._by_name: defaultdict[str, list[Changed]] = defaultdict(list)
        self._going: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive

    def add(self, name: str, changed: Changed) -> None:
        self._by_name[name].append(changed)

    def tell(self, changed: Mapping[str, Secret[str]], emit: Emit) -> Callable[[], bool]:
        """Tell who listens to the names of `changed`; whether they still hold what was before, to be asked later.

        An error is recorded, and the others are still told.
        """
        tasks: list[asyncio.Task[None]] = []
        failed: list[str] = []

        def fail(name: str, error: Exception) -> None:
            failed.append(name)
            # Only its kind: the text of an exception may hold what it was given.
            emit("secret_rotation_failed", name=name, error=type(error).__name__)

        async def finish(name: str, going: Coroutine[Any, Any, Any]) -> None:
            try:
                await going
            except Exception as error:  # noqa: BLE001 - as below
                fail(name, error)

        for name, value in changed.items():
            for listener in self._by_name[name]:
                try:
                    going = listener(value)
                    if inspect.iscoroutine(going):
                        tasks.append(task := _task(finish(name, going), going))
                        self._going.add(task)
                        task.add_done_callback(self._going.discard)
                except Exception as error:  # noqa: BLE001 - one consumer's mistake must not keep others on the old value
                    fail(name, error)
        return lambda: bool(failed) or not all(task.done() for task in tasks)


def _task(outer: Coroutine[Any, Any, None], inner: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
    """Raises RuntimeError where no event loop runs: a listener of that kind needs one."""
    try:
        return asyncio.get_running_loop().create_task(outer, name="garrison-let-go")
    except RuntimeError:
        outer.close()
        inner.close()
        raise
