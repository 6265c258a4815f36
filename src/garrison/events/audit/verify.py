"""Is a log what it was? Every entry, the chain, the tree and every checkpoint, read once from front to back.

Threat: the file was changed: an entry edited, removed, inserted, moved, the end cut off, the whole replaced, another
key used, the clock set back. What is wrong is told with its place. A change that was followed through (hashes made
anew behind it) can't be told to the entry: then it lies between the last checkpoint that holds and the first that does
not. Lets pass: changes behind the newest checkpoint that the verifier knows, followed through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .entry import Row, commit, entry_bytes, link
from .note import Checkpoint, VerifierKey
from .ranges import Ranges
from .source import Part, Unreadable
from .tree import Frontier, leaf_hash

MOST: Final = 100
"""Problems that are listed; more are counted."""
_SLACK: Final = 5_000_000


class Kind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    PERSONAL = "personal-fields-edited"
    MISSING = "missing"
    INSERTED = "inserted"
    CHAIN = "chain-broken"
    HISTORY = "history-changed"
    TRUNCATED = "truncated"
    CLOCK = "clock-ran-back"
    KEY = "key-unknown"
    CHECKPOINT = "checkpoint-malformed"
    ORIGIN = "another-log"
    UNREADABLE = "unreadable"
    ERASED = "erased-without-record"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the entries `first` to `last` (both inclusive; -1 where it is no matter of entries)."""

    kind: Kind
    first: int
    last: int
    message: str


@dataclass(slots=True)
class Report:
    """What was found. `covered`: entries below this number stand under a checkpoint that holds."""

    origin: str = ""
    start: int = 0
    size: int = 0
    covered: int = 0
    checkpoints: int = 0
    erased: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, kind: Kind, first: int, message: str, last: int | None = None) -> None:
        if len(self.problems) < MOST:
            self.problems.append(Problem(kind, first, first if last is None else last, message))
        else:
            self.more += 1


def verify(parts: Iterable[Part | Unreadable], keys: Sequence[VerifierKey], known: Sequence[Checkpoint] = ()) -> Report:
    """Verify a log.

    keys    who may have signed its checkpoints
    known   checkpoints kept elsewhere
    """
    walk = _Walk(keys, known)
    for part in parts:
        if isinstance(part, Unreadable):
            walk.report.add(Kind.UNREADABLE, max(walk.expected, 0), f"{part.name} can't be read: {part.why}.")
        else:
            walk.part(part)
    walk.finish()
    return walk.report


class _Walk:
    """Where the verification stands."""

    def __init__(self, keys: Sequence[VerifierKey], known: Sequence[Checkpoint]) -> None:
        self.report = Report()
        self.expected = -1
        self._keys = keys
        self._known = known
        self._due: dict[int, list[Checkpoint]] = {}
        self._frontier = Frontier()
        self._chain = b""
        self._at = 0
        self._erased, self._recorded = Ranges(), Ranges()
        self._trims: set[int] = set()
        self._holding = 0
        self._signed = 0.0
        self._says = 0
        self._tainted = False

    def part(self, part: Part) -> None:
        state = part.state
        first = self.expected < 0
        if first:
            self.report.origin, self.report.start = state.origin, state.start
            self._take(self._known)
        elif state.origin != self.report.origin:
            self.report.add(Kind.ORIGIN, state.start, f"{part.name} is of another log, {state.origin}.")
            return
        self._enter(part, first=first)
        self._take(self._parsed(part))
        self._match(self.expected, self._due.pop(self.expected, ()))
        try:
            self._walk(part.rows)
        except Exception as error:  # noqa: BLE001 - a database damaged on purpose raises what it will; it is told
            where = f"{part.name} can't be read from entry {self.expected} on"
            self.report.add(Kind.UNREADABLE, self.expected, f"{where}: {error}.")

    def _enter(self, part: Part, *, first: bool) -> None:
        state = part.state
        self._says = state.size
        if not first and state.start == self.expected and not self._tainted:
            if state.start_chain != self._chain or state.start_nodes != self._frontier.to_bytes():
                self.report.add(Kind.CHAIN, state.start, f"{part.name} does not go on where the file before it ends.")
            return
        if not first and state.start > self.expected:
            self._missing(state.start)
        elif not first and state.start < self.expected:
            self.report.add(
                Kind.INSERTED, state.start, f"entries that were not written here stand before {part.name}.",
                self.expected - 1,
            )  # fmt: skip
        self.expected, self._chain, self._tainted = state.start, state.start_chain, False
        try:
            self._frontier = Frontier(state.start, state.start_nodes)
        except ValueError as error:
            self.report.add(Kind.CHAIN, state.start, f"the beginning of {part.name} is malformed: {error}.")
            self._frontier, self._tainted = Frontier(), True

    def _walk(self, rows: Iterator[Row]) -> None:
        # The loop of the whole verification: looked-up names and inlined steps are a third of its time.
        report, due, frontier = self.report, self._due, self._frontier
        expected, chain, latest = self.expected, self._chain, self._at
        try:
            for row in rows:
                place, at, public, commitment, personal, salt, leaf, stored = row
                if place != expected:
                    self.expected = expected
                    self._missing(place)
                    expected = place
                if leaf_hash(entry_bytes(place, at, public, commitment)) != leaf:
                    report.add(Kind.EDITED, place, "the content is not what was recorded.")
                if link(chain, leaf) != stored:
                    report.add(Kind.CHAIN, place, "the entry does not follow on the one before it.")
                if personal is None:
                    if commitment:
                        self._erased.add(place)
                elif salt is None or commit(personal, salt) != commitment:
                    report.add(Kind.PERSONAL, place, "the personal fields are not those that were recorded.")
                if at < latest - _SLACK:
                    seconds = (latest - at) / 1e6
                    report.add(Kind.CLOCK, place, f"written {seconds:.0f} seconds before the entry in front of it.")
                    latest = at
                elif at > latest:
                    latest = at
                if '"audit_' in public:
                    self._note(public)
                chain = stored
                frontier.append(leaf)
                expected = place + 1
                if expected in due:
                    self._match(expected, due.pop(expected))
        finally:
            self.expected, self._chain, self._at = expected, chain, latest

    def _missing(self, until: int) -> None:
        self.report.add(
            Kind.MISSING, self.expected, f"{until - self.expected} entries are missing.", until - 1
        )  # fmt: skip
        for size in [size for size in self._due if self.expected < size <= until]:
            self._due.pop(size)
        self._tainted = True  # without the missing leaves no later root can come out right: that is not told again

    def _note(self, public: str) -> None:
        data = json.loads(public)
        details = data.get("details") or {}
        if data.get("name") == "audit_erased":
            self._recorded.add_text(str(details.get("places", "")))
        elif data.get("name") == "audit_trimmed":
            self._trims.add(int(details.get("start", -1)))

    def _parsed(self, part: Part) -> list[Checkpoint]:
        found = []
        for note in part.notes:
            try:
                found.append(Checkpoint.parse(note))
            except ValueError as error:
                self.report.add(Kind.CHECKPOINT, -1, f"a checkpoint in {part.name} is malformed: {error}.")
        return found

    def _take(self, checkpoints: Iterable[Checkpoint]) -> None:
        for one in checkpoints:
            if one.origin != self.report.origin:
                self.report.add(Kind.ORIGIN, one.size, f"the checkpoint of {one.when} is of another log, {one.origin}.")
            elif one.signed_by(self._keys) is None:
                self.report.add(Kind.KEY, one.size - 1, f"the checkpoint of {one.when} is not signed by a known key.")
            elif one.size >= self.report.start:  # what it covers below is gone by retention
                self._due.setdefault(one.size, []).append(one)

    def _match(self, size: int, checkpoints: Iterable[Checkpoint]) -> None:
        for one in checkpoints:
            self.report.checkpoints += 1
            if one.time < self._signed - _SLACK / 1e6:
                self.report.add(Kind.CLOCK, size - 1, f"signed at {one.when}, before the checkpoint in front of it.")
            self._signed = max(self._signed, one.time)
            if one.root == self._frontier.root() and not self._tainted:
                self._holding = max(self._holding, size)
            elif not self._tainted:
                self._tainted = True
                self.report.add(
                    Kind.HISTORY, self._holding, f"entries differ from what was signed at {one.when}.", size - 1
                )  # fmt: skip

    def finish(self) -> None:
        report = self.report
        report.size = max(self.expected, 0)
        if self.expected < 0 and self._known:  # nothing can be read: what was signed tells how much that is
            report.origin = self._known[0].origin
            self._take(self._known)
        if report.size < self._says and not self._due:
            message = f"{self._says - report.size} entries at the end are gone."
            report.add(Kind.TRUNCATED, report.size, message, self._says - 1)
        for size in sorted(self._due):
            for one in self._due[size]:
                gone = f"{size - report.size} entries signed at {one.when} are gone."
                report.add(Kind.TRUNCATED, report.size, gone, size - 1)
        report.covered, report.erased = self._holding, len(self._erased)
        for low, high in self._erased.without(self._recorded):
            report.add(Kind.ERASED, low, "personal fields are gone and no entry says who erased them.", high)
        if report.start and report.start not in self._trims:
            report.add(Kind.MISSING, 0, "the oldest entries are gone and no entry says why.", report.start - 1)
        if report.size > report.start and not report.covered and not report.problems:
            report.add(Kind.UNSIGNED, report.start, "no checkpoint covers any entry.", report.size - 1)
