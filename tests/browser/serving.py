"""Sites for a browser to visit: applications over real HTTPS on loopback, under as many names as a test needs.

One certificate of the development CA covers all names, and every server listens on both loopback addresses. So the
same server is `https://localhost:PORT`, `https://evil.localhost:PORT` and `https://127.0.0.1:PORT`, which are three
sites to a browser; two ports of one name are two origins of one site.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeVar

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from garrison import Policy, harden
from garrison.serve import _uvicorn
from garrison.serve.context import TlsProfile
from garrison.serve.devca import Leaf
from garrison.serve.listen import loopback_addresses, open_listeners

NAMES = (
    "localhost",
    "app.localhost",
    "sub.app.localhost",
    "evilapp.localhost",
    "app.localhost.evil.localhost",
    "evil.localhost",
)
_START_SECONDS = 30
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Site:
    """A server that listens. `at` gives its origin under one of `NAMES` or a loopback address."""

    port: int

    @property
    def url(self) -> str:
        return self.at("localhost")

    def at(self, name: str) -> str:
        return f"https://{name}:{self.port}"


class _Server(uvicorn.Server):
    """Puts how to stop it into a queue once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Queue[Callable[[], None] | BaseException]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready.put(self._stop)

    def _stop(self) -> None:
        self.should_exit = True


@contextmanager
def serving(app: Any, leaf: Leaf) -> Iterator[Site]:
    """`app` over HTTPS at a free port, in a thread of its own."""
    listeners = open_listeners(loopback_addresses("localhost"), 0)
    ready: Queue[Callable[[], None] | BaseException] = Queue()
    config = _uvicorn._config(_uvicorn.Job(app, TlsProfile(leaf.cert_file, leaf.key_file), "critical"))
    config.timeout_graceful_shutdown = 0  # browsers keep idle connections, whose end they don't confirm

    def run() -> None:
        try:
            _Server(config, ready).run(sockets=listeners)
        except BaseException as error:  # told to the test, which waits for the start
            ready.put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        stop = _started(ready)
        try:
            yield Site(listeners[0].getsockname()[1])
        finally:
            stop()
            thread.join(timeout=_START_SECONDS)
    finally:
        for listener in listeners:
            listener.close()


def _started(ready: Queue[Callable[[], None] | BaseException]) -> Callable[[], None]:
    try:
        outcome = ready.get(timeout=_START_SECONDS)
    except Empty:
        raise TimeoutError("the server did not start") from None
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def public_key_hash(leaf: Leaf) -> str:
    """What Chromium's `--ignore-certificate-errors-spki-list` takes: base64 of SHA-256 over the public key."""
    certificate = x509.load_pem_x509_certificate(leaf.cert_file.read_bytes())
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(sha256(spki).digest()).decode()


class Written:
    """The events file of a policy: what was really written down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def wait(self, seconds: float = 10, **fields: Any) -> dict[str, Any]:
        """The first event with these fields; events are written some 100 ms after they happen."""
        found = eventually(lambda: self.fitting(**fields), seconds)
        assert found, f"no event with {fields} among {[(one['name'], one['reason']) for one in self.all()]}"
        return found[0]

    def fitting(self, **fields: Any) -> list[dict[str, Any]]:
        """All events with these fields."""
        return [event for event in self.all() if all(event[key] == value for key, value in fields.items())]


def eventually(look: Callable[[], _Found], seconds: float = 10) -> _Found:
    """What `look` returns once that is true, or in the end. For what another process or thread does in its own time."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def guard(app: Any, folder: Path, **values: Any) -> tuple[Any, Written]:
    """`app` behind Garrison (the preset `browser` unless `values` name another), and its events."""
    folder.mkdir(exist_ok=True)
    events = folder / "events.jsonl"
    basis = {
        "environment": "development",
        "hosts": ("localhost", "127.0.0.1", "*.localhost"),
        "state": str(folder / "state"),
        "events": {"output": str(events), "store": False},
    }
    return harden(app, Policy(**{**basis, **values})), Written(events)
