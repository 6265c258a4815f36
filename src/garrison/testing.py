"""Help for test suites of hardened applications: time that stands still, events to look at, answers to judge.

    from starlette.testclient import TestClient

    from garrison import harden
    from garrison.testing import FrozenClock, assert_passed, assert_refused, captured_events, testing_policy

    clock = FrozenClock()
    app = harden(my_app, testing_policy(rate={"mode": "enforce", "address": ["2/minute"]}), clock=clock.clock)
    client = TestClient(app, base_url="https://testserver")

    def test_the_third_request_within_a_minute_is_refused() -> None:
        with captured_events(app) as events:
            assert_passed(client.get("/"))
            assert_passed(client.get("/"))
            assert_refused(client.get("/"), "rate-limited", 429)
        assert [event.reason for event in events] == ["rate-limited"]
        clock.advance(60)
        assert_passed(client.get("/"))

Cookies that Garrison writes are Secure, so the client's base address has to be https.

What this lets pass: `testing_policy` is not the policy you deploy. Put that one through `garrison check`, and let a
few tests run with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from .asgi.onion import Onion
from .core.clock import Clock
from .core.verdict import Reason
from .events.bus import Bus
from .events.capture import Captured
from .events.event import Event
from .policy.model import Policy

__all__ = ["FrozenClock", "Response", "assert_passed", "assert_refused", "captured_events", "testing_policy"]

_REASONS: Final = frozenset(map(str, Reason))
_OURS: Final = "internal-error"
"""What an unhandled exception of the application is called: an answer of ours, but no refusal."""
_IN_PAGE: Final = re.compile(r", reason <code>([a-z-]+)</code>, request <code>")


class FrozenClock:
    """A clock that moves when it is told to. Give `clock` to `harden`.

    start   seconds since the epoch, for wall time; the monotonic clock begins at 0
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self._passed = 0.0

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time does not run backwards; make another FrozenClock")
        self._passed += seconds

    @property
    def now(self) -> float:
        """Wall time, in seconds since the epoch."""
        return self._start + self._passed

    @property
    def clock(self) -> Clock:
        """What `harden(app, clock=…)` takes."""
        return Clock(monotonic=lambda: self._passed, wall=lambda: self.now)


def testing_policy(**changes: Any) -> Policy:
    """The `testing` preset for the development environment, with `changes` laid over it.

    changes   the keys of a policy file: `testing_policy(hosts=["shop.example"], csrf={"require": "always"})`

    Another `preset` may be among them. Generated keys go to a folder that is removed with the process, events nowhere:
    nothing is written into the working directory.
    Raises pydantic.ValidationError for a key that no policy has.
    """
    quiet = {"output": "none", "store": False}
    return Policy(
        **{"preset": "testing", "environment": "development", "state": str(_state()), "events": quiet, **changes}
    )


testing_policy.__test__ = False  # type: ignore[attr-defined]  # pytest must not take an imported helper for a test


@cache
def _state() -> Path:
    folder = TemporaryDirectory(prefix="garrison-testing-", ignore_cleanup_errors=True)
    _FOLDERS.append(folder)
    return Path(folder.name)


_FOLDERS: Final[list[TemporaryDirectory[str]]] = []
"""Kept alive: a temporary folder is removed when nobody holds it."""


class _Window(Captured):
    """Captures while it is open; what comes later is not kept."""

    is_open = True

    def write(self, events: Sequence[Event]) -> int:
        return super().write(events) if self.is_open else len(events)


@contextmanager
def captured_events(app: Onion) -> Iterator[Captured]:
    """The events of the hardened `app` while the block runs; they can be looked at there and afterwards.

    with captured_events(app) as events:
        client.get("/", headers={"host": "evil.example"})
    assert events.names() == ["host_refused"]

    Raises TypeError when `app` was not made by `harden`.
    """
    bus = getattr(getattr(app, "services", None), "emit", None)
    bus = getattr(bus, "__self__", None)
    if not isinstance(bus, Bus):
        raise TypeError("captured_events needs what harden() returned")
    window = _Window()
    bus.flush()
    bus.attach(window)
    window.bus = bus
    try:
        yield window
    finally:
        bus.flush()
        window.bus = None
        window.is_open = False


class Response(Protocol):
    """What the assertions need: responses of httpx and of Starlette's and FastAPI's TestClient have it."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def text(self) -> str: ...


def assert_refused(response: Response, reason: str | None = None, status: int | None = None) -> None:
    """`response` is a refusal by Garrison, for `reason` and with `status` where they are given.

    reason   a `Reason`, such as "csrf-missing"; docs/events tells them all
    status   the HTTP status

    An answer to HEAD has no body and so tells no reason: only its status can be asked for then.
    Raises AssertionError that says what came instead, and ValueError for a reason that does not exist.
    """
    if reason is not None and str(reason) not in _REASONS:
        raise ValueError(f"there is no reason {str(reason)!r}; the reasons are: {', '.join(sorted(_REASONS))}")
    told = _reason(response)
    if told is None or (told not in _REASONS and told != ""):
        raise AssertionError(f"expected a refusal, but the application answered {_shown(response)}")
    if reason is not None and told != str(reason):
        raise AssertionError(f"expected a refusal for {str(reason)!r}, but it was for {told!r}: {_shown(response)}")
    if status is not None and response.status_code != status:
        raise AssertionError(f"expected a refusal with status {status}, got {_shown(response)}")


def assert_passed(response: Response, status: int | None = None) -> None:
    """The application itself gave `response`, with `status` where it is given. Raises AssertionError."""
    told = _reason(response)
    if told is not None:
        raise AssertionError(f"expected the application's answer, but Garrison gave {_shown(response)}")
    if status is not None and response.status_code != status:
        raise AssertionError(f"expected the application's answer with status {status}, got {_shown(response)}")


def _reason(response: Response) -> str | None:
    """The reason that an answer of Garrison's gives, empty where HEAD hides it; None for an answer of others."""
    if response.status_code < 400 or not response.headers.get("x-request-id"):
        return None
    kind = response.headers.get("content-type", "")
    if kind.startswith("application/problem+json"):
        return _reason_in_problem(response.text)
    if kind.startswith("text/html"):
        found = _IN_PAGE.search(response.text)
        return found[1] if found else None if response.text else ""
    return None


def _reason_in_problem(text: str) -> str | None:
    if not text:
        return ""
    try:
        problem = json.loads(text)
    except ValueError:
        return None
    told = problem.get("reason") if isinstance(problem, dict) else None
    return told if isinstance(told, str) and (told in _REASONS or told == _OURS) else None


def _shown(response: Response) -> str:
    return f"{response.status_code} {response.text[:300]!r}"
