"""The audit log a policy asks for."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ...core.clock import Clock
from ...core.errors import GarrisonError
from ...core.ports import Emit
from ...policy.model import Policy
from ..bus import Bus
from ..exports.senders import SyslogSender
from ..links import BadLink, Link, parse_link
from ..post import post
from ..vocabulary import EventName
from .entry import system_event
from .forget import about, erase, trim
from .log import FOLDER, AuditLog, origin_of
from .note import RemoteSigner, Signer, Signs
from .s3 import S3Place
from .ship import FilePlace, Place, Shipper

PURPOSE: Final = "audit/checkpoint"
"""What the signing key is derived for (`Keyring.derive_all`)."""
_HOUSEKEEPING: Final = 3600.0


class HttpPlace:
    """POSTs checkpoints as text."""

    def __init__(self, link: Link) -> None:
        self._url = link.url
        self.name = f"{link.scheme}:{link.host}"

    def send(self, note: str) -> None:
        post(self._url, note.encode(), {"Content-Type": "text/plain; charset=utf-8"})


class SyslogPlace:
    """Sends checkpoints as the text of a syslog message, line feeds spelled out."""

    def __init__(self, link: Link) -> None:
        context = ssl.create_default_context() if link.scheme == "syslog+tls" else None
        self._sender = SyslogSender(link, lambda event: str(event.details["checkpoint"]), context)
        self.name = self._sender.name

    def send(self, note: str) -> None:
        text = note.replace("\n", "\\n")
        self._sender.write([system_event(EventName.AUDIT_STARTED, time.time(), "", checkpoint=text)])


def audit_folder(policy: Policy) -> Path:
    return Path(policy.state).absolute() / FOLDER  # the working folder may change while it runs


def signers(seeds: Sequence[bytes], node: str) -> list[Signer]:
    """A signer for every root key, the current one first."""
    return [Signer(origin_of(node), seed) for seed in seeds]


def build_audit(
    policy: Policy,
    clock: Clock,
    seeds: Sequence[bytes],
    emit: Emit,
    node: str | None = None,
    remote: Callable[[bytes], tuple[bytes, bytes]] | None = None,
) -> AuditLog:
    """The audit log of `policy`, not yet open, with its shipping. Raises `BadLink`.

    seeds    made for `PURPOSE` from the root keys; without any, and without `remote`, nothing is signed
    remote   signs with a key that is not here, in the place of those (see `RemoteSigner`)
    """
    node = node or socket.gethostname()
    signer: Signs | None = RemoteSigner(remote) if remote else next(iter(signers(seeds, node)), None)
    log = AuditLog(audit_folder(policy), node, policy.audit, clock, signer=signer, emit=emit)
    if signer is not None:
        places = [place_of(parse_link(text)) for text in policy.audit.ship]
        log.ship_with(Shipper(places, emit, policy.audit.checkpoint, tick_of(log, policy, clock)))
    return log


def place_of(link: Link) -> Place:
    """What sends to `link`."""
    if link.scheme == "file":
        return FilePlace(Path(link.path).absolute())
    if link.scheme in ("https", "http"):
        return HttpPlace(link)
    if link.scheme == "s3":
        return S3Place(link)
    if link.scheme.startswith("syslog"):
        return SyslogPlace(link)
    raise BadLink(link.url, "checkpoints can't be sent there")


def sign_end(log: AuditLog, bus: Bus) -> None:
    """Write and sign what was there when the application stopped. Blocks; a failure is told."""
    bus.flush()
    try:
        log.checkpoint()
    except (OSError, sqlite3.Error, GarrisonError) as error:
        bus.emit(EventName.DEGRADED, None, service="audit checkpoint", error=str(error))


def tick_of(log: AuditLog, policy: Policy, clock: Clock) -> Callable[[], None]:
    """What is done every interval: a checkpoint, and once an hour what is to be forgotten."""
    due = float("-inf")

    def tick() -> None:
        nonlocal due
        log.checkpoint()
        if clock.monotonic() >= due:
            due = clock.monotonic() + _HOUSEKEEPING
            now = clock.wall()
            if policy.audit.keep:
                trim(log, now - policy.audit.keep, now)
            if policy.audit.personal:
                limit = now - policy.audit.personal
                erase(log, about(before=limit), "policy", "retention", now, until=limit)

    return tick
