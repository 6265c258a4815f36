"""The bus a policy asks for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from ..core.clock import Clock
from ..policy.model import Policy
from .bus import Bus
from .sqlite import FILE_NAME, SqliteWriter
from .writers import FileWriter, StderrWriter, Writer


def build_bus(policy: Policy, clock: Clock, node: str | None = None, *, routes: Sequence[str] = ("default",)) -> Bus:
    """A running bus with the writers of `policy.events`.

    node    what events call this machine; None takes the host name
    routes  names of the route classes, by `Facts.route`

    Raises `EventsUnwritable`, or the store's own `OperatorError`, when a writer can't be made ready: a configured
    record that silently records nothing would be worse than no start.
    """
    bus = Bus(policy.events, clock, build_writers(policy), node or socket.gethostname(), routes=routes)
    bus.start()
    return bus


def build_writers(policy: Policy) -> list[Writer]:
    """The writers of `policy.events`, not yet open."""
    writers: list[Writer] = []
    if policy.events.store:
        writers.append(SqliteWriter(store_path(policy), policy.events.keep, policy.events.age))
    if policy.events.output == "stderr":
        writers.append(StderrWriter(person=policy.environment == "development"))
    elif policy.events.output != "none":
        writers.append(FileWriter(Path(policy.events.output).absolute()))
    return writers


def store_path(policy: Policy) -> Path:
    """Where the embedded store of `policy` is."""
    return Path(policy.state).absolute() / FILE_NAME  # the working folder may change while it runs
