"""`garrison serve` with workers, another user, a sandbox, a health listener, or sockets from systemd.

This process opens the ports, becomes the other user, looks after the certificate and after the workers. It reads the
policy and never the application: what the application could do to it, it can't do to the account keys.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..policy.held import environment, packed
from .options import load_policy
from .output import Usage, err, paragraph, safe
from .serve_watch import watch

if TYPE_CHECKING:
    from ..core.ports import Emit
    from ..policy.model import Policy
    from ..serve.supervise import Plan, Supervisor
    from ..serve.systemd import Notify


@dataclass(frozen=True, slots=True)
class Many:
    """What was asked for."""

    workers: int
    user: str | None
    sandbox: bool
    domains: tuple[str, ...]
    files: tuple[Path | None, Path | None, Path | None]
    host: str
    port: int
    profile: str | None
    log_level: str
    unix: Path | None = None


class Sockets(NamedTuple):
    """What this process listens with: for https, and for challenges and redirects."""

    https: list[socket.socket]
    http: list[socket.socket]


def run_many(many: Many) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
    from ..core.clock import SYSTEM
    from ..events.build import build_bus
    from ..secrets.private_files import private_folder
    from ..serve.compartment import refuse_dumps
    from ..serve.dev import check_log_level, require
    from ..serve.health import health_listener
    from ..serve.issuing.run import acme_folder
    from ..serve.supervise import Plan, Supervisor, Told
    from ..serve.systemd import Notify
    from .hold import become_with_secrets, open_first_secret

    check_log_level(many.log_level)
    require("uvicorn", "httptools", "websockets")
    notify = Notify(os.environ)
    policy = load_policy(None).policy
    supervisors: list[Supervisor] = []
    with ExitStack() as stack:
        sockets = _sockets(many, policy, stack)
        for one in (*sockets.https, *sockets.http):
            stack.callback(one.close)
        answer = stack.enter_context(
            health_listener(policy.serve.health, lambda: supervisors[0].state() if supervisors else (0, 0, False))
        )
        if many.user is not None:
            folders = (Path(policy.state), *((acme_folder(policy),) if many.domains else ()))
            become_with_secrets(many.user, folders, policy)
        refuse_dumps()
        private_folder(Path(policy.state))
        open_first_secret(policy)
        bus = build_bus(policy, SYSTEM)
        stack.callback(bus.close)
        renew = watch(policy, bus)
        cert, key = stack.enter_context(_certificate(many, policy, sockets, bus.emit))
        job = _job(many, policy, cert, key)
        environ = {**os.environ, "GARRISON_PROCESSES": str(max(many.workers, policy.processes))}
        plan = Plan(many.workers, job, sockets.https, policy.serve.shutdown, bus.emit, environ, packed())

        def reloading() -> None:
            notify.reloading()
            renew()

        told = Told(lambda: _announce(many, policy, plan, notify, supervisors[0].warnings), reloading, notify.stopping)
        supervisors.append(Supervisor(plan, told))
        answer()
        supervisors[0].run()


def _sockets(many: Many, policy: Policy, stack: ExitStack) -> Sockets:
    from ..serve.listen import loopback_addresses, open_listeners, public_addresses
    from ..serve.production import trust_unix
    from ..serve.systemd import HTTP, activated
    from ..serve.unix import unix_listener

    given = activated(os.environ)
    if many.unix is not None:
        trust_unix(policy)
        if any(one.family != socket.AF_UNIX for _, one in given):
            raise Usage("systemd passed a socket of the network.", remedy="With --unix it is a Unix socket, or none.")
        return Sockets([one for _, one in given] or [stack.enter_context(unix_listener(many.unix))], [])
    https = [found for name, found in given if name != HTTP]
    http = [found for name, found in given if name == HTTP]
    addresses = loopback_addresses(many.host) if policy.development else public_addresses(many.host)
    proven = many.domains and not policy.vault.pki  # names are proven at port 80
    if http and not proven:
        remedy = "It is for --domain with ACME; leave it out of the socket unit."
        raise Usage("systemd passed a socket for http.", remedy=remedy)
    https = https or open_listeners(addresses, many.port)
    if proven and not http:
        http = open_listeners(addresses, policy.acme.http_port, "acme.http_port")
    return Sockets(https, http)


@contextmanager
def _certificate(many: Many, policy: Policy, sockets: Sockets, emit: Emit) -> Iterator[tuple[Path | None, Path | None]]:
    cert, key, _ = many.files
    if many.unix is not None:
        yield None, None
        return
    if cert is not None and key is not None:
        yield cert.absolute(), key.absolute()
        return
    from ..serve.issuing.run import Wish, domains, issued, told_authority

    err().print(safe(told_authority(policy)))
    wish = Wish(domains(many.domains, public=not policy.vault.pki), (), _port_of(sockets.https), tuple(sockets.http))
    with issued(policy, wish, emit, environment()) as live:
        yield live, live


def _job(many: Many, policy: Policy, cert: Path | None, key: Path | None) -> dict[str, Any]:
    from ..serve.devca import default_folder
    from ..serve.issuing.run import acme_folder

    state = Path(policy.state).absolute()
    hidden = [acme_folder(policy) / "accounts", default_folder()] if many.sandbox else None
    output = policy.events.output
    files = [] if output in ("stderr", "stdout", "none", "") else [Path(output).absolute().parent]
    writable = [state, *(Path(one).absolute() for one in policy.serve.writable), *files]
    client_ca = many.files[2]
    return {
        "cert": cert and str(cert), "key": key and str(key),
        "client_ca": str(client_ca.absolute()) if client_ca else None,
        "profile": many.profile, "log_level": many.log_level,
        "hidden": hidden and [str(one) for one in hidden], "writable": [str(one) for one in writable],
    }  # fmt: skip


def _port_of(listeners: list[socket.socket]) -> int:
    return int(listeners[0].getsockname()[1]) if listeners[0].family != socket.AF_UNIX else 443


def _announce(many: Many, policy: Policy, plan: Plan, notify: Notify, warnings: tuple[str, ...]) -> None:
    from ..core.host import bracketed

    console = err()
    for one in plan.listeners:
        if one.family == socket.AF_UNIX:
            console.print(safe(f"Serving on unix:{one.getsockname()} with {many.workers} workers", "bold green"))
            continue
        address, port = one.getsockname()[:2]
        console.print(safe(f"Serving on https://{bracketed(address)}:{port} with {many.workers} workers", "bold green"))
    for warning in warnings:
        console.print(paragraph(warning, "yellow"))
    if many.workers > 1 and policy.store in ("embedded", "memory"):
        console.print(
            paragraph(
                f"There is no shared store: each of the {many.workers} workers counts by itself, with its share of "
                "every limit. Set `store` to a redis:// address to count together.",
                "yellow",
            )
        )
    if many.sandbox:
        console.print(paragraph(f"Workers are in the sandbox: they write below {policy.state} only."))
    notify.ready(f"Serving with {many.workers} workers")
