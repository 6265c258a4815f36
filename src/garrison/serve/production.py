"""The production server: a hardened application over HTTPS, for everybody.

Threat: the network. Slow, oversized, ambiguous and countless connections are this room's matter (`gate`,
`protocol_http`, `protocol_ws`), weak TLS is `context`'s, everything inside a well-formed request is the onion's.
Assumption: one process; the address of a connection's peer is its client's, or a trusted proxy's. Lets pass: floods
that fill the network itself.
"""

from __future__ import annotations

import resource
import socket
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..asgi.onion import Onion
from ..core.address import compile_client
from ..events.vocabulary import EventName
from ..policy.model import Policy
from .clients import Clients
from .context import TlsProfile
from .dev import check_log_level, require
from .errors import OptionRefusedError
from .limits import Limits
from .listen import loopback_addresses, open_listeners, public_addresses
from .runtime import Runtime
from .swap import Certificates
from .unix import unix_listener
from .watch import Watch

UNTRUSTED = "This machine does not trust the certificate: Strict-Transport-Security is not sent."


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate (its chain behind it) and its key; `client_ca` holds the clients' authorities."""

    cert_file: Path
    key_file: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """A production server that listens. `stop` ends it gracefully, from any thread.

    On a Unix socket `addresses` holds its path, and `port` is 0.
    """

    addresses: tuple[str, ...]
    port: int
    warnings: tuple[str, ...]
    stop: Callable[[], None]


def serve_production(
    app: Onion,
    pair: Pair,
    *,
    host: str = "*",
    port: int = 8443,
    profile: Literal["intermediate", "modern"] | None = None,
    log_level: str = "info",
    on_ready: Callable[[Listening], None] | None = None,
    listeners: list[socket.socket] | None = None,
) -> None:
    """Serve `app` until SIGINT or SIGTERM (in the main thread) or `Listening.stop`.

    `host` is an address, `localhost`, or `*` for every address of this machine; with an environment "development" only
    loopback. `listeners` are sockets that listen already, in place of `host` and `port`. `profile` goes before the
    policy's `serve.profile`. The pair is watched and swapped when it changes.

    Raises `CertificateUnusableError`, `ClientCAUnusableError`, `BindRefusedError`, `PortUnavailableError`,
    `OptionRefusedError`, `StartupFailedError` (operator's), `ExtraMissingError` (install the extra).
    """
    check_log_level(log_level)
    require("uvicorn", "httptools", "websockets")
    policy = app.doors[0].policy
    addresses = () if listeners else loopback_addresses(host) if policy.development else public_addresses(host)
    tls = TlsProfile.named(profile or policy.serve.profile, pair.cert_file, pair.key_file, pair.client_ca)
    certificates = Certificates(tls, _alarm(app))
    watch = Watch(certificates, app.services)
    warnings = _warnings(certificates, pair.key_file)
    if not app.services.trusted and not policy.development:
        warnings += (UNTRUSTED,)
    _serve(app, watch, listeners or open_listeners(addresses, port), warnings, log_level, on_ready)


def serve_unix(
    app: Onion,
    path: Path | None,
    *,
    log_level: str = "info",
    on_ready: Callable[[Listening], None] | None = None,
    listeners: list[socket.socket] | None = None,
) -> None:
    """Serve `app` on the Unix socket `path`, without TLS, for a proxy in front; see `serve_production`.

    Owner and group may connect; the socket is removed at the end. `listeners` are sockets that listen already, in place
    of `path`. Raises `SocketUnavailableError`,
    `OptionRefusedError` when the policy does not trust the proxy, and what `serve_production` raises.
    """
    check_log_level(log_level)
    require("uvicorn", "httptools", "websockets")
    trust_unix(app.doors[0].policy)
    with ExitStack() as stack:
        if path is not None:
            listeners = [stack.enter_context(unix_listener(path))]
        _serve(app, None, listeners or [], (), log_level, on_ready)


def trust_unix(policy: Policy) -> None:
    """Raises `OptionRefusedError` when `policy` would not believe the proxy behind a Unix socket."""
    if "unix" not in policy.proxies:
        remedy = 'Add "unix" to `proxies`, and connect nothing to the socket but a proxy that writes that header.'
        raise OptionRefusedError("unix", "The policy does not trust the proxy behind a Unix socket.", remedy=remedy)


def _serve(
    app: Onion,
    certificates: Watch | None,
    listeners: list[socket.socket],
    warnings: tuple[str, ...],
    log_level: str,
    on_ready: Callable[[Listening], None] | None,
) -> None:
    from . import _production

    policy = app.doors[0].policy
    limits = Limits.of(policy)
    finder = compile_client(policy.proxies, policy.client.header, policy.client.ipv6_prefix)
    runtime = Runtime(limits, Clients(limits.connections, finder, policy.client.ipv6_prefix))
    names = [
        (one.getsockname()[0], one.getsockname()[1]) if certificates else (one.getsockname(), 0) for one in listeners
    ]

    def announce(stop: Callable[[], None]) -> None:
        if on_ready is not None:
            on_ready(Listening(tuple(name for name, _ in names), names[0][1], warnings, stop))

    raise_file_limit()
    try:
        _production.run(_production.Job(app, runtime, certificates, log_level), listeners, announce)
    finally:
        for listener in listeners:
            listener.close()


def _alarm(app: Onion) -> Callable[[str], None]:
    def tell(wrong: str) -> None:
        name = EventName.DEGRADED if wrong else EventName.RECOVERED
        app.services.emit(name, None, service="certificate", error=wrong)

    return tell


def _warnings(certificates: Certificates, key: Path) -> tuple[str, ...]:
    from .groups import refuses_group

    found = []
    if not refuses_group(certificates.context):
        found.append("The key-exchange groups could not be restricted on this Python: OpenSSL's own list holds.")
    with suppress(OSError):
        if key.stat().st_mode & stat.S_IROTH:
            found.append(f"Every user of this machine can read the key {key}: chmod o= {key}")
    return tuple(found)


def raise_file_limit() -> None:
    """Let this process hold as many connections as the system allows it, not the cautious default of shells."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # then fewer connections fit; the cap for each client holds all the same
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
