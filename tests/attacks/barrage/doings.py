"""What no client can cause, done for real: to files, processes, the policy and the clock."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import Final

from garrison.core.clock import Clock
from garrison.events.audit.log import FOLDER, AuditLog
from garrison.events.vocabulary import EventName
from garrison.policy.section_audit import AuditSection
from tests.attacks.barrage.site import Site, children, soon
from tests.events.making import event
from tests.serve.authority import put

LOOSENED: Final = {"GARRISON_CSP__MODE": "off", "GARRISON_CSP__ALLOW_INSECURE_OFF": "somebody was in a hurry"}
"""A policy in which a defence was switched off."""
_AHEAD: Final = 3600.0


def exchange_certificate(site: Site) -> None:
    """Put a certificate for another name in place of the one in use."""
    put(site.pair, *site.authority.make("other", hosts=("other.example",)))


def kill_workers(site: Site, server: subprocess.Popen[bytes]) -> None:
    """End three workers as the kernel does when memory runs out, one when the last one was replaced."""
    for count in (1, 2, 3):
        before = set(children(server.pid))
        os.kill(min(before), signal.SIGKILL)
        assert soon(lambda count=count: len(site.events("sys_crash")) == count, 30)  # type: ignore[misc]
        if count < 3:
            assert soon(lambda before=before: set(children(server.pid)) - before and site.answers(), 60)  # type: ignore[misc]
            assert soon(lambda count=count: len(site.events("sys_startup")) == 2 + count, 60)  # type: ignore[misc]


def cut_log(site: Site) -> None:
    """Delete the newest entry of the audit log, as somebody would to hide what was done last."""
    with closing(sqlite3.connect(site.audit_files[-1])) as database, database:
        database.execute("DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)")


def write_from_the_future(site: Site) -> None:
    """A process of this machine whose clock runs an hour ahead writes to the audit log."""
    clock = Clock(monotonic=time.monotonic, wall=lambda: time.time() + _AHEAD)
    log = AuditLog(site.folder / "state" / FOLDER, socket.gethostname(), AuditSection(), clock)
    log.open()
    log.write([event(EventName.STARTUP)])
    log.close()
    site.visitor("127.10.9.9").get("/", Host="other.example")  # something that is to be written down
