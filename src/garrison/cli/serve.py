"""`garrison serve`: an application behind the policy, over HTTPS: for everybody, or for development on loopback."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from .hold import keep_to_itself
from .options import Environment, PolicyFile, load_policy, settle
from .output import Usage, err, paragraph, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..asgi.onion import Onion
    from ..serve.dev import Ready
    from ..serve.load import ASGIApp
    from ..serve.production import Listening


class TlsName(StrEnum):
    """Mozilla's TLS profiles."""

    INTERMEDIATE = "intermediate"
    MODERN = "modern"


class Files(NamedTuple):
    """What was named on the command line."""

    cert: Path
    key: Path
    client_ca: Path | None


class How(NamedTuple):
    """Where and how to listen."""

    host: str
    port: int
    profile: TlsName | None
    log_level: str


RELOADED = "_GARRISON_SERVED"
"""Tells the child of `--reload` which application to harden. It begins with an underscore: no policy key does."""

_NO_CERTIFICATE = "Serving in production needs a certificate and its key."
_WHAT_CERTIFICATE = """Name your public name with --domain to have one made and renewed (port 80 must lead here).
Or name their files with --cert and --key; they are watched, so renewing them needs no restart.
Or add --dev to serve on this machine for development, with a certificate that is made for it."""


def serve(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The ASGI application: main:app, or main:make().")],
    cert: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="The certificate in PEM, its chain behind it.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its key in PEM, unencrypted.")] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option("--client-ca", metavar="FILE", help="Ask clients for a certificate that one of these signed."),
    ] = None,
    profile: Annotated[
        TlsName | None, typer.Option("--profile", help="Mozilla's TLS profile; otherwise the policy's serve.profile.")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain", metavar="NAME", help="Have a certificate made and renewed (ACME, or vault.pki); repeatable."
        ),
    ] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Development: HTTPS on loopback, with a local certificate.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="8443, and with --domain 443; 0 takes a free one."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", help="An address, localhost, or * for all; otherwise *, and with --dev localhost."),
    ] = None,
    unix: Annotated[
        Path | None, typer.Option("--unix", metavar="PATH", help="A Unix socket without TLS, for a proxy in front.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Worker processes, which SIGHUP reloads.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Become this user once the ports are open.")
    ] = None,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Workers write below the state folder only, and call less of the kernel."),
    ] = False,
    policy: PolicyFile = None,
    reload: Annotated[bool, typer.Option("--reload", help="With --dev: start anew when a file changes.")] = False,
    log_level: Annotated[str, typer.Option("--log-level", help="critical, error, warning or info.")] = "info",
) -> None:
    """Serve any ASGI application behind the policy, over HTTPS."""
    if unix is not None:
        if user:
            why = "A socket in the file system needs no rights that --user would give up."
            raise Usage(why, remedy=f"Start garrison as {user}: then the socket is that user's as well.")
        if dev or cert or key or client_ca or profile or reload or host or domain or port is not None:
            raise Usage("--unix serves a proxy, which ends TLS.", remedy="Leave out all that is about TLS and network.")
        _choose(app, policy)
        keep_to_itself()
        _behind_proxy(unix, workers, log_level, sandbox=sandbox)
    elif dev:
        if cert or key or client_ca or profile or domain or workers or user or sandbox:
            raise Usage(
                "--dev makes its own certificate.",
                remedy="Leave out --cert, --key, --client-ca, --domain, --profile, --workers, --user and --sandbox.",
            )
        _choose(app, policy, Environment.DEVELOPMENT)
        target = "garrison.cli.served:app()" if reload else _hardened()
        number = 8443 if port is None else port
        run(target, host=host or "localhost", port=number, reload=reload, log_level=log_level, announce=announce)
    else:
        if domain and (cert or key):
            raise Usage("--domain makes its own certificate.", remedy="Leave out --cert and --key, or --domain.")
        if not domain and (cert is None or key is None):
            raise Usage(_NO_CERTIFICATE, remedy=_WHAT_CERTIFICATE)
        if reload:
            raise Usage("--reload is for development.", remedy="Add --dev, or leave it out.")
        _choose(app, policy)
        keep_to_itself()
        how = How(host or "*", port if port is not None else 443 if domain else 8443, profile, log_level)
        if _needs_supervisor(workers, user, sandbox=sandbox):
            from .serve_many import Many, run_many

            run_many(Many(workers or 1, user, sandbox, tuple(domain or ()), (cert, key, client_ca), *how))
        elif domain:
            _issued(tuple(domain), client_ca, how)
        elif cert is not None and key is not None:
            _production(_hardened(), Files(cert, key, client_ca), how)


def _choose(app: str, policy: Path | None, environment: Environment | None = None) -> None:
    """Settle what is served, by which policy, for whoever loads it: this process or a child."""
    settle(policy, environment)
    os.environ[RELOADED] = app


def _behind_proxy(unix: Path, workers: int | None, log_level: str, *, sandbox: bool) -> None:
    if _needs_supervisor(workers, None, sandbox=sandbox):
        from .serve_many import Many, run_many

        none = (None, None, None)
        run_many(Many(workers or 1, None, sandbox, (), none, "", 0, None, log_level, unix.absolute()))
        return
    from ..serve.production import serve_unix

    serve_unix(_hardened(), unix, log_level=log_level, on_ready=_announce_unix)


def _needs_supervisor(workers: int | None, user: str | None, *, sandbox: bool) -> bool:
    """Whether a process of its own has to stand above the one that serves."""
    return bool(workers or user or sandbox or _systemd() or load_policy(None).policy.serve.health)


def _systemd() -> bool:
    """Whether systemd passed sockets, or waits to be told that we serve."""
    return any(os.environ.get(name) for name in ("LISTEN_FDS", "NOTIFY_SOCKET"))


def _production(app: Onion, files: Files, how: How) -> None:
    from ..serve.production import Pair, serve_production

    name: Literal["intermediate", "modern"] | None = None
    if how.profile is not None:
        name = "modern" if how.profile is TlsName.MODERN else "intermediate"
    serve_production(
        app,
        Pair(files.cert, files.key, files.client_ca),
        host=how.host,
        port=how.port,
        profile=name,
        log_level=how.log_level,
        on_ready=_announce_production,
    )


def _announce_unix(listening: Listening) -> None:
    err().print(safe(f"Serving on unix:{listening.addresses[0]}", "bold green"))


def _issued(names: tuple[str, ...], client_ca: Path | None, how: How) -> None:
    from ..policy.held import environment
    from ..serve.issuing.run import Wish, domains, issued, told_authority
    from ..serve.listen import public_addresses

    app = _hardened()
    policy = app.doors[0].policy
    wish = Wish(domains(names, public=not policy.vault.pki), public_addresses(how.host), how.port)
    if policy.development:
        raise Usage("--domain is for production.", remedy="Use --dev here, or set GARRISON_ENVIRONMENT=production.")
    err().print(safe(told_authority(policy)))
    with issued(policy, wish, app.services.emit, environment()) as live:
        _production(app, Files(live, live, client_ca), how)


def _announce_production(listening: Listening) -> None:
    from ..core.host import bracketed

    console = err()
    for address in listening.addresses:
        console.print(safe(f"Serving on https://{bracketed(address)}:{listening.port}", "bold green"))
    for warning in listening.warnings:
        console.print(paragraph(warning, "yellow"))


def _hardened() -> Onion:
    from .served import app

    return app()


def run(
    app: ASGIApp | str,
    *,
    host: str,
    port: int,
    announce: Callable[[Ready], None],
    reload: bool = False,
    log_level: str = "info",
) -> None:
    """Serve until Ctrl-C."""
    from datetime import UTC, datetime

    from ..serve.dev import serve_dev
    from ..serve.devca import DevCA

    ca = DevCA.open(None, datetime.now(UTC))
    serve_dev(app, host=host, port=port, ca=ca, log_level=log_level, reload=reload, on_ready=announce)


def announce(ready: Ready) -> None:
    """Where to go and what to trust."""
    console = err()
    console.print(safe(f"Serving on {ready.url}", "bold green"))
    console.print(safe("The certificate is signed by a development CA that only you can make trusted:"))
    console.print(paragraph(f"    {ready.certificate_file}"), soft_wrap=True)
    console.print(paragraph(f'    curl --cacert "$(garrison certs ca)" {ready.url}/'), soft_wrap=True)
    console.print(safe("In a browser, import that file as an authority; it is good for loopback names only."))
