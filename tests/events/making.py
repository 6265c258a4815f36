"""What the events tests are made of: facts, policies and clocks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from garrison.core.clock import Clock
from garrison.core.facts import NO_DUPLICATES, Client, Facts, Host
from garrison.events.event import Event
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import TERMS, EventName
from garrison.policy.model import EventsSection

WHEN = 1_795_410_960.066070
AGENT = b"Mozilla/5.0 (X11; Linux x86_64; rv:10.0) Gecko/20100101 Firefox/10.0"


class Ticking:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: WHEN + self.now - 1000.0)


def facts(
    path: str = "/notes/12",
    *,
    method: str = "POST",
    headers: Mapping[bytes, bytes] | None = None,
    duplicates: Mapping[bytes, tuple[bytes, ...]] = NO_DUPLICATES,
    host: str | None = "shop.example.com",
    address: str | None = "203.0.113.9",
    route: int = 0,
    request_id: str = "a1b2-000001",
) -> Facts:
    """A request as the onion would see it."""
    given = {b"user-agent": AGENT} if headers is None else dict(headers)
    client = Client(None if address is None else ip_address(address), address or "")
    named = None if host is None else Host(host, None, ip=False)
    return Facts(
        "http", method, "https", named, path, path.encode("utf-8", "surrogatepass"), "", b"q=1", given, duplicates,
        len(given), 200, client, route, request_id, False,
    )  # fmt: skip


def event(name: EventName = EventName.CSRF_REFUSED, **fields: Any) -> Event:
    """An event as a writer gets it."""
    base: dict[str, Any] = {"when": WHEN, "name": name, "severity": Severity.WARNING, "outcome": Outcome.REFUSED}
    return Event(**{**base, **fields})


def section(**fields: Any) -> EventsSection:
    """The events section of a policy, writing nowhere by itself."""
    return EventsSection(**{"output": "none", "store": False, **fields})


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a log file; fails when one line is not exactly one object."""
    text = path.read_bytes().decode("utf-8", "strict")
    assert text == "" or text.endswith("\n")
    found = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(isinstance(one, dict) and one["name"] in TERMS for one in found)
    return found


class Listed:
    """A writer that keeps what it gets and can be told to fail."""

    def __init__(self, name: str = "listed") -> None:
        self.name = name
        self.events: list[Event] = []
        self.error: Exception | None = None
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def write(self, events: Sequence[Event]) -> int:
        if self.error is not None:
            raise self.error
        self.events += events
        return len(events)

    def close(self) -> None:
        self.closed += 1

    def names(self) -> list[str]:
        return [one.name.value for one in self.events]
