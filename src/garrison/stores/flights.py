"""Calls on their way to the store: few at a time, and what waits meanwhile goes together.

Hundreds of requests at once would otherwise open hundreds of connections, each with its own handshake, and wait for
one another; a flood of requests would look like a store that is away. So a few runs go at the same time, and whatever
comes while they are under way shares the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .deadline import within
from .redis_client import Answers, Client, Command

Landed: TypeAlias = Callable[[Exception | None, Command], None]
"""Told of every run: what went wrong first, or None, and a command of it."""


class Flights:
    """Runs commands on `client`, each call within `seconds`; lives on one event loop."""

    def __init__(self, client: Client, landed: Landed, seconds: float) -> None:
        self.client = client
        self._seconds = seconds
        self._landed = landed
        self._flying = 0
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether calls are on their way, or wait for their turn."""
        return bool(self._flying or self._waiting)

    async def call(self, command: Command) -> Any:
        """The answer. Raises what the store or the library raised, and `DeadlinePassed`."""
        if self._flying < self.client.runs and not self._waiting:
            self._flying += 1
            (answer,) = await self._fly([command])
        else:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((command, future))
            answer = await within(self._seconds, future)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _fly(self, commands: Sequence[Command]) -> Answers:
        """Run `commands`, already counted as under way. What goes wrong is an answer; only cancellation is raised."""
        answers: Answers = []
        try:
            answers = await within(self._seconds, self.client.run(commands))
        except Exception as error:  # noqa: BLE001  # whatever the library raises, the store has not answered
            answers = [error] * len(commands)
        finally:
            self._flying -= 1
            self._depart()
        failed = ((answer, command) for answer, command in zip(answers, commands, strict=True) if _is_error(answer))
        self._landed(*next(failed, (None, commands[0])))
        return answers

    def _depart(self) -> None:
        while self._waiting and self._flying < self.client.runs:
            calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), self.client.batch))]
            calls = [call for call in calls if not call[1].done()]  # some have given up waiting
            if calls:
                self._flying += 1
                task = asyncio.get_running_loop().create_task(self._fly_together(calls))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _fly_together(self, calls: Sequence[tuple[Command, asyncio.Future[Any]]]) -> None:
        answers = await self._fly([command for command, _ in calls])
        for (_, future), answer in zip(calls, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _is_error(answer: object) -> bool:
    return isinstance(answer, Exception)
