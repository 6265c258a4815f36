"""What audit tests are made of: logs with many entries in several files, and ways to look at them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from garrison.core.clock import Clock
from garrison.events.audit.log import AuditLog
from garrison.events.audit.note import Checkpoint, Signer, VerifierKey
from garrison.events.audit.segment import segments
from garrison.events.audit.source import parts_of
from garrison.events.audit.verify import Kind, Report, verify
from garrison.events.event import Event
from garrison.events.vocabulary import EventName
from garrison.policy.section_audit import AuditSection
from tests.events.making import WHEN, event

SIGNER = Signer("garrison/web1", b"s" * 32)
OTHER = Signer("garrison/web1", b"o" * 32)


class Hand:
    """A clock set by hand, and what the log told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: WHEN + self.now)
        self.told: list[tuple[str, dict[str, Any]]] = []

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.told.append((str(name), details))


def new_log(folder: Path, hand: Hand | None = None, signer: Signer | None = SIGNER, **section: Any) -> AuditLog:
    """A log of the node web1 with small files, that signs every 10 seconds."""
    hand = hand or Hand()
    policy = AuditSection(**{"segment": 100, "checkpoint": 10, **section})
    return AuditLog(folder, "web1", policy, hand.clock, signer=signer, emit=hand.emit)


def some_events(count: int, *, first: int = 0) -> list[Event]:
    """Events with personal fields, each unlike the others."""
    return [
        event(
            EventName.AUTHN_LOGIN_FAIL, seq=number + 1, run="r1", client=f"203.0.113.{number % 200}",
            principal=f"user{number % 7}", path=f"/notes/{number}", details={"number": number},
        )
        for number in range(first, first + count)
    ]  # fmt: skip


def filled(folder: Path, count: int = 249, signer: Signer = SIGNER, hand: Hand | None = None) -> list[Checkpoint]:
    """A log with `count` + 1 entries in files of 100, closed; its checkpoints. One is made about every 20 entries."""
    hand = hand or Hand()
    log = new_log(folder, hand, signer)
    for first in range(0, count, 10):
        log.write(some_events(min(10, count - first), first=first))
        hand.now += 5
    log.close()
    return checkpoints(folder)


def checkpoints(folder: Path) -> list[Checkpoint]:
    with parts_of(folder) as parts:
        return [Checkpoint.parse(note) for part in parts for note in part.notes]  # type: ignore[union-attr]  # readable


def verified(
    folder: Path, *, keys: Sequence[VerifierKey] = (SIGNER.public,), known: Sequence[Checkpoint] = ()
) -> Report:
    with parts_of(folder) as parts:
        return verify(parts, keys, known)


def found(report: Report) -> set[tuple[Kind, int]]:
    return {(one.kind, one.first) for one in report.problems}


def change(folder: Path, statement: str, *values: object, part: int = 0) -> int:
    """Run one statement on a file of the log as somebody with a database shell would; the rows it changed."""
    with sqlite3.connect(segments(folder)[part]) as connection:
        return connection.execute(statement, values).rowcount
