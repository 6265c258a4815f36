"""One application and one policy, reached directly or through a proxy that `garrison edge` configured."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from garrison import Policy, harden
from garrison.asgi.onion import Onion
from garrison.core.facts import Facts
from garrison.edge import trial
from garrison.edge.site import Site, site_of
from garrison.serve.production import Pair, serve_production, serve_unix
from tests.serve.authority import Authority
from tests.serve.conftest import client_context
from tests.serve.running import Running, in_thread
from tests.support.components import need

HOST = "shop.example.com"
PROXIES = ("nginx", "haproxy", "caddy")
ALL = ("direct", *PROXIES)
LARGE = 1024 * 1024
LATE = 3.5
"""Seconds that the application takes for `/late`."""
KEY = "ROOT_KEY_OF_THE_TOPOLOGIES"
LOOSE = {"mode": "off", "allow_insecure_off": "what is tested stands in front of it"}


@dataclass
class Seen:
    """What reached the application: each request as its server read it, and its client."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Topology:
    """A way to the application. `site` is the proxy's view of the policy; None where there is no proxy."""

    name: str
    running: Running
    seen: Seen
    site: Site | None

    def answers(self, data: bytes, patience: float) -> list[int]:
        """The status of each answer to `data`."""
        heard = bytearray()
        with self.running.connect(timeout=patience) as connection, suppress(OSError):
            connection.sendall(data)
            while part := connection.recv(65_536):
                heard += part
        return [int(number) for number in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", heard)]


def application(seen: Seen) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await send({"type": "websocket.close"})
            return
        seen.requests.append({"method": scope["method"], "target": scope["raw_path"], "headers": scope["headers"]})
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        seen.requests[-1]["size"] = size
        body = bytes(LARGE) if scope["path"] == "/large" else json.dumps({"size": size}).encode()
        if scope["path"] == "/late":
            await asyncio.sleep(LATE)
        status = 404 if scope["path"] == "/missing" else 200
        # A careless application: it names itself, and has an HSTS of its own
        headers = [(b"content-type", b"application/json"), (b"server", b"app/1"),
                   (b"strict-transport-security", b"max-age=5"), (b"content-length", b"%d" % len(body))]  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def policy_of(folder: Path, name: str, **values: Any) -> Policy:
    given: dict[str, Any] = {
        "preset": "api", "hosts": [HOST], "state": str(folder / "state"), "key": f"env:{KEY}",
        "proxies": [] if name == "direct" else ["unix"], "events": {"output": "none"},
        "rate": LOOSE, "load": {"requests": 10_000, "websockets": 10_000, "least": 10_000, "most": 10_000},
    }  # fmt: skip
    return Policy(**{**given, **values})


@contextmanager
def topology(
    name: str, folder: Path, *, change: Callable[[str], str] = lambda text: text, **values: Any
) -> Iterator[Topology]:
    """Start the application, and the proxy `name` before it ("direct" has none), with a change to its configuration."""
    folder.chmod(0o755)
    authority = Authority(folder / "authority", "Edge")
    pair = authority.pair("server", hosts=(HOST, "localhost"))
    seen = Seen()
    os.environ[KEY] = "p5Vt8Zr2LqX7nB4wKc9Yd6Hs3Jm1Fg0Ta-_UeOiRxNv"
    policy = policy_of(folder, name, **values)
    try:
        onion = harden(application(seen), policy, layers=[lambda facts: _note(seen, facts)])
    finally:
        del os.environ[KEY]
    context = client_context(authority.file)
    with ExitStack() as opened:
        if name == "direct":
            # HSTS goes out for a certificate that this machine trusts: as users do, it trusts the test's authority
            opened.enter_context(mock.patch.dict(os.environ, SSL_CERT_FILE=str(authority.file)))
            listening = opened.enter_context(in_thread(lambda ready: _direct(onion, pair, ready)))
            yield Topology(name, Running(listening.port, context, HOST), seen, None)
            return
        program = need(name)
        site = trial.on_trial(site_of(policy), trial.Files(folder, pair.cert_file, pair.key_file, folder / "app.sock"))
        opened.enter_context(
            in_thread(lambda ready: serve_unix(onion, Path(site.socket), log_level="critical", on_ready=ready))
        )
        opened.enter_context(trial.running(name, trial.write(name, site, change), site, program))
        yield Topology(name, Running(site.https_port, context, HOST), seen, site)


def _direct(onion: Onion, pair: Pair, ready: Any) -> None:
    serve_production(onion, pair, host="127.0.0.1", port=0, log_level="critical", on_ready=ready)


def _note(seen: Seen, facts: Facts) -> None:
    seen.clients.append(str(facts.client.address))
