"""The development server: an ASGI application over HTTPS, on loopback only.

Threat: a development server that others can reach, or that trusts forwarded headers, names its software, or
takes WebSocket messages of any size. Assumption: one developer on one machine. Lets pass: slow clients and
big requests, up to the HTTP server's own limits; production serving bounds those.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.host import bracketed
from .context import TlsProfile
from .devca import DevCA
from .errors import ExtraMissingError, OptionRefusedError
from .listen import loopback_addresses, open_listeners
from .load import ASGIApp, load_app
from .logs import LEVELS


@dataclass(frozen=True, slots=True)
class Ready:
    """A development server that listens.

    `url` is where to go, `addresses` what is listened on (`::1` may be missing on a machine without IPv6),
    `certificate_file` what a client must trust. `stop` ends the server gracefully, from any thread.
    """

    url: str
    port: int
    addresses: tuple[str, ...]
    certificate_file: Path
    stop: Callable[[], None]


def serve_dev(
    app: ASGIApp | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8443,
    ca: DevCA,
    log_level: str = "info",
    reload: bool = False,
    on_ready: Callable[[Ready], None] | None = None,
) -> None:
    """Serve `app` over HTTPS on loopback until SIGINT or SIGTERM (in the main thread) or `Ready.stop`.

    `app` is an ASGI application or a reference to one (see `load_app`). `host` is `localhost` (both families)
    or a loopback address; `port` 0 finds a free one. With `reload`, which needs a reference, the application
    runs in a child process that starts anew when a file below the working directory changes. `on_ready` is
    called once the server listens; with `reload` that may be before the child has loaded the application
    (connections wait).

    Raises `BindRefusedError`, `PortUnavailableError`, `OptionRefusedError`, `AppRefusedError`,
    `FileRefusedError`, `StartupFailedError` (operator's), `ExtraMissingError` (install the extra).
    """
    addresses = loopback_addresses(host)
    _check(app, log_level, reload)
    require("uvicorn", "httptools", "websockets")
    from garrison.serve import _uvicorn  # only now is it known that the extra is there

    if isinstance(app, str) and not reload:
        app = load_app(app)
    leaf = ca.issue(addresses)
    listeners = open_listeners(addresses, port)
    found = listeners[0].getsockname()[1]
    listening = tuple(listener.getsockname()[0] for listener in listeners)

    def announce(stop: Callable[[], None]) -> None:
        if on_ready is not None:
            on_ready(Ready(f"https://{bracketed(host)}:{found}", found, listening, ca.certificate_file, stop))

    profile = TlsProfile(leaf.cert_file, leaf.key_file)
    try:
        _uvicorn.run(_uvicorn.Job(app, profile, log_level), listeners, announce)
    finally:
        for listener in listeners:
            listener.close()


def _check(app: ASGIApp | str, log_level: str, reload: bool) -> None:
    check_log_level(log_level)
    if reload and not isinstance(app, str):
        message = "Reloading needs a reference, since the application is imported anew."
        raise OptionRefusedError("reload", message, remedy="Pass the application as module:attribute.")


def check_log_level(log_level: str) -> None:
    """Raises `OptionRefusedError` for a level that is not offered."""
    if log_level not in LEVELS:
        message = f"There is no log level {log_level!r}."
        raise OptionRefusedError("log-level", message, remedy=f"Use one of: {', '.join(LEVELS)}.")


def require(*packages: str) -> None:
    """Raises `ExtraMissingError` unless each of `packages` can be imported."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise  # the package is there and broken: its own error says more
            raise ExtraMissingError("serve", package) from error
