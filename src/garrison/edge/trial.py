"""A generated configuration, tried out on this machine's loopback by the real server.

Threat: a configuration that is well-formed and does not do what it says. Assumption: the server installed here is the
one that will run, or near enough. Nothing outside a temporary folder is touched: ports, certificate, socket and logs
are the trial's own, everything else is as in the real file.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from . import caddy, haproxy, nginx
from .site import Place, Site

START_SECONDS: Final = 20.0
RENDER: Final[Mapping[str, Callable[[Site], str]]] = {
    "nginx": nginx.render, "haproxy": haproxy.render, "caddy": caddy.render,
}  # fmt: skip
_FILES: Final = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}
_SBIN: Final = ("/usr/local/sbin", "/usr/sbin")
_MODULES: Final = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")


class TrialFailed(Exception):  # becomes a finding of `garrison edge --check`
    """The server does not accept the configuration, or does not start with it. `said` is its own output."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(what)
        self.said = said


@dataclass(frozen=True, slots=True)
class Files:
    """What a trial uses in place of the real files. `socket` is where the application of the trial listens."""

    folder: Path
    certificate: Path
    key: Path
    socket: Path


def program(server: str) -> str | None:
    """The path of the server's program; None where it is not installed."""
    return shutil.which(server, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN)))


def on_trial(site: Site, files: Files) -> Site:
    """`site` with ports, certificate, socket and folder of a trial."""
    module = "ngx_http_headers_more_filter_module.so"
    modules = next((folder for folder in _MODULES if (Path(folder) / module).exists()), "")
    return replace(
        site,
        http_port=free_port(), https_port=free_port(), socket=str(files.socket), address="", acme=False,
        certificate=str(files.certificate), key=str(files.key),
        place=Place(str(files.folder), modules, ("127.0.0.1", *(("[::1]",) if socket.has_dualstack_ipv6() else ()))),
    )  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


def write(server: str, site: Site, change: Callable[[str], str] = lambda text: text) -> Path:
    """The configuration as a file in the trial's folder; HAProxy's key beside the certificate."""
    path = Path(site.place.folder) / _FILES[server]
    path.write_text(change(RENDER[server](site)), encoding="utf-8")
    beside = Path(f"{site.certificate}.key")
    if server == "haproxy" and not beside.exists():
        beside.symlink_to(site.key)
    return path


def examine(server: str, path: Path, run: str) -> None:
    """Ask the server's own checker. Raises `TrialFailed`."""
    check = {
        "nginx": [run, "-t", "-q", "-p", str(path.parent), "-c", str(path)],
        "haproxy": [run, "-c", "-f", str(path)],
        "caddy": [run, "validate", "--config", str(path), "--adapter", "caddyfile"],
    }[server]
    try:
        done = subprocess.run(  # noqa: S603  the server that the operator installed
            check, capture_output=True, text=True, timeout=START_SECONDS, check=False, env=_environ(path.parent)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrialFailed(f"{server}'s own checker could not be run", str(error)) from error
    if done.returncode:
        raise TrialFailed(f"{server} does not accept the configuration", done.stderr or done.stdout)


@contextmanager
def running(server: str, path: Path, site: Site, run: str) -> Iterator[int]:
    """Run the server until the block ends; its process id. Raises `TrialFailed` when it does not start."""
    command = {
        "nginx": [run, "-p", str(path.parent), "-c", str(path)],
        "haproxy": [run, "-db", "-f", str(path)],
        "caddy": [run, "run", "--config", str(path), "--adapter", "caddyfile"],
    }[server]
    log = path.parent / f"{server}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  as above
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environ(path.parent)
        )
        try:
            if not _listens(process, site):
                raise TrialFailed(f"{server} does not start", log.read_text(encoding="utf-8", errors="replace"))
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _listens(process: subprocess.Popen[bytes], site: Site) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", site.https_port), 1.0):
            return True
        time.sleep(0.05)
    return False


def _environ(folder: Path) -> dict[str, str]:
    """Caddy keeps its state below HOME."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
