"""A systemd unit that runs the application on its Unix socket, with nothing it does not need.

Threat: an application that was taken over, and goes on to read keys, write programs or look at other processes. So it
runs as a user that exists only while it does, sees the file system read-only but for its state folder, has no
capability, and only the system calls of a server. Assumption: systemd 250 or newer, with its kernel's support. Lets
pass: connections to anywhere; add IPAddressDeny= and IPAddressAllow= for the addresses the application may reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .site import EdgeRefused, Site
from .text import head, joined, note

_REFERENCE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*(\(\))?").fullmatch
_PATH: Final = re.compile(r"/[A-Za-z0-9._/@+-]+").fullmatch
_RUN: Final = "/run/"


def render(site: Site, app: str, folder: str, stop: float) -> str:
    """The unit for `app` ("main:app") in `folder`, whose `.venv` holds Garrison; `stop` seconds end it gracefully.

    Raises `EdgeRefused` for text that means something else in a unit, and for an application that is not on a Unix
    socket in a folder of its own below /run.
    """
    if not _REFERENCE(app) or not _PATH(folder):
        raise EdgeRefused("edge", "The application is named like main:app, its folder by an absolute path.", remedy="")
    runtime, _, name = site.socket.removeprefix(_RUN).rpartition("/")
    if not site.socket.startswith(_RUN) or not runtime or not name or ".." in runtime.split("/"):
        remedy = 'Set edge.upstream = "unix:/run/garrison/app.sock", or another folder below /run.'
        raise EdgeRefused(
            "edge.upstream", "The unit needs a Unix socket in a folder of its own below /run.", remedy=remedy
        )
    return joined([*head("systemd"), *_unit(app), *_service(site, app, folder, runtime, stop), *_sandbox(), *_INSTALL])


def _unit(app: str) -> Iterator[str]:
    yield from ("[Unit]", f"Description={app} behind Garrison", "Wants=network-online.target")
    yield from ("After=network-online.target", "StartLimitIntervalSec=60", "StartLimitBurst=5", "")


def _service(site: Site, app: str, folder: str, runtime: str, stop: float) -> Iterator[str]:
    yield from ("[Service]", "Type=notify", f"WorkingDirectory={folder}")
    workers = f" --workers {site.processes}" if site.processes > 1 else ""
    yield f"ExecStart={folder}/.venv/bin/garrison serve {app} --unix {site.socket}{workers}"
    yield from note("systemctl reload starts new workers with the changed application, and loses no request.")
    yield "ExecReload=/bin/kill -HUP $MAINPID"
    yield from ("Restart=on-failure", "RestartSec=1", f"TimeoutStopSec={round(stop) + 5}", "KillMode=mixed")
    yield from note("A user for this run only. The proxy's group may connect to the socket, and is all they share.")
    yield from ("DynamicUser=yes", f"Group={site.group}", f"RuntimeDirectory={runtime}", "RuntimeDirectoryMode=0750")
    yield from note(
        "The state folder is all that can be written. For a user of this run only it lies in %S/private; %S/garrison "
        "is a link to it, and Garrison keeps no keys behind links."
    )
    yield from ("StateDirectory=garrison", "StateDirectoryMode=0700", "Environment=GARRISON_STATE=%S/private/garrison")
    yield from note(
        "GARRISON_KEY=... (garrison secrets key) and other settings: for root only, the service can't read it."
    )
    yield "EnvironmentFile=/etc/garrison/environment"
    yield from (
        f"LimitNOFILE={4 * site.connections}",
        "LimitCORE=0",
        "TasksMax=256",
        "OOMPolicy=stop",
        "UMask=0077",
        "",
    )


def _sandbox() -> Iterator[str]:
    for text, lines in _SANDBOX:
        yield from note(text)
        yield from (*lines, "")


_SANDBOX: Final = (
    ("No way to more rights than it starts with.", (
        "NoNewPrivileges=yes", "CapabilityBoundingSet=", "AmbientCapabilities=", "RestrictSUIDSGID=yes",
        "PrivateUsers=yes", "RestrictNamespaces=yes", "LockPersonality=yes", "KeyringMode=private",
    )),
    ("The file system is read-only, homes and devices are not there, /tmp is its own.", (
        "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "DevicePolicy=closed",
        "ProtectProc=invisible", "ProcSubset=pid", "RemoveIPC=yes",
        "InaccessiblePaths=-/etc/garrison -/etc/ssl/private -/etc/letsencrypt",
    )),
    ("The kernel's and the machine's settings are out of reach.", (
        "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes",
        "ProtectClock=yes", "ProtectHostname=yes", "RestrictRealtime=yes",
    )),
    ("The system calls and sockets of a network service; no memory that is both written and run.", (
        "SystemCallArchitectures=native", "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources", "SystemCallErrorNumber=EPERM", "MemoryDenyWriteExecute=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    )),
)  # fmt: skip
_INSTALL: Final = ("[Install]", "WantedBy=multi-user.target")
