"""Programs that some tests need and that no Python package brings: browsers, load tools, servers.

A test asks with `need("chromium")` and gets the program's path. Where it is missing the test is skipped with the
reason and the remedy on a developer's machine, and fails in CI: there a skip would be a check that silently does
nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Component:
    """One program: the names it goes by, how to get it, and how to see that it is more than installed."""

    commands: tuple[str, ...]
    remedy: str
    works: Callable[[str], bool] = lambda _path: True
    folders: str = ""  # a pattern below / for servers that Debian keeps off the PATH


def _answers(*arguments: str) -> Callable[[str], bool]:
    def run(path: str) -> bool:
        try:
            done = subprocess.run([path, *arguments], capture_output=True, timeout=15, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    return run


def _has_headers_more(_path: str) -> bool:
    return any(Path("/").glob("usr/*/nginx/modules/ngx_http_headers_more_filter_module.so"))


def _debian(package: str) -> str:
    return f"on Debian: apt install {package}"


COMPONENTS: Mapping[str, Component] = {
    "bash": Component(("bash",), _debian("bash")),
    "caddy": Component(("caddy",), _debian("caddy")),
    "certutil": Component(("certutil",), _debian("libnss3-tools")),
    "chromium": Component(("chromium", "chromium-browser", "google-chrome"), _debian("chromium")),
    "clamd": Component(("clamd",), _debian("clamav-daemon"), folders="usr/sbin"),
    "curl": Component(("curl",), _debian("curl")),
    "docker": Component(("docker",), "start a Docker daemon", works=_answers("info")),
    "dbus": Component(("dbus-daemon",), _debian("dbus")),
    "git": Component(("git",), _debian("git")),
    "gnome-keyring": Component(("gnome-keyring-daemon",), _debian("gnome-keyring")),
    "haproxy": Component(("haproxy",), _debian("haproxy"), folders="usr/sbin"),
    "make": Component(("make",), _debian("make")),
    "nginx": Component(
        ("nginx",), _debian("nginx libnginx-mod-http-headers-more-filter"), works=_has_headers_more, folders="usr/sbin"
    ),
    "node": Component(("node", "nodejs"), _debian("nodejs")),
    "openssl": Component(("openssl",), _debian("openssl")),
    "pebble": Component(("pebble",), _debian("pebble")),
    "postgres": Component(("postgres",), _debian("postgresql"), folders="usr/lib/postgresql/*/bin"),
    "prometheus": Component(("prometheus",), _debian("prometheus")),
    "rsyslog": Component(("rsyslogd",), _debian("rsyslog rsyslog-gnutls"), folders="usr/sbin"),
    "slowhttptest": Component(("slowhttptest",), _debian("slowhttptest")),
    "sslscan": Component(("sslscan",), _debian("sslscan")),
    "systemd-analyze": Component(("systemd-analyze",), _debian("systemd")),
    "wrk": Component(("wrk",), _debian("wrk")),
}


@cache
def find(name: str) -> str | None:
    """The path of the component's program; None when it is missing or does not work.

    Raises:
        LookupError: `name` is not in `COMPONENTS`, so no machine could ever have it.
    """
    if name not in COMPONENTS:
        raise LookupError(f"no component is called {name!r}; there are {', '.join(COMPONENTS)}")
    component = COMPONENTS[name]
    folders = (
        os.pathsep.join(str(path) for path in sorted(Path("/").glob(component.folders))) if component.folders else ""
    )
    search = os.pathsep.join(part for part in (os.environ.get("PATH", os.defpath), folders) if part)
    paths = (shutil.which(command, path=search) for command in component.commands)
    return next((path for path in paths if path and component.works(path)), None)


def in_ci() -> bool:
    """Whether the tests run unattended, where nobody reads the list of skips."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def need(name: str) -> str:
    """The path of the component's program; skips the calling test or module without it, and fails it in CI."""
    path = find(name)
    if path is not None:
        return path
    reason = f"{name} is missing or not working ({COMPONENTS[name].remedy})"
    if in_ci():
        pytest.fail(f"{reason}; in CI nothing may be skipped for that", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
