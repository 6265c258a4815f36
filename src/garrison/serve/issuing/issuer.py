"""Keeps one set of names in certificates: asks at the right time, backs off, and never gives up what works.

One process at a time issues (a file lock); a thread of its own does, since the library blocks. After a failure the
authority's staging directory is asked first, and what that issues is thrown away: a fault that persists then costs
none of the authority's limits. A staging directory that can't be reached stands in nobody's way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ...core.errors import GarrisonError
from ...core.ports import Emit
from ...events.vocabulary import EventName
from .errors import AuthorityAway, IssueRefused, StateBroken
from .state import Progress, Set, Sets
from .times import chance_of, renew_at, wait_after

LOOK: Final = 1.0
"""Seconds between looks at whether something is due."""
ASK_AGAIN: Final = timedelta(hours=6)
"""When a suggestion is asked for again that could not be had (RFC 9773 section 4.3.3)."""
_FORGIVEN: Final = timedelta(hours=9)
"""A next try further off than any wait is a clock that jumped."""
_log = logging.getLogger("uvicorn.error")


class Source(Protocol):
    """What `Authority` does. Both block, and raise `GarrisonError`."""

    def issue(self, names: tuple[str, ...], show: Callable[[str, str | None], None], /) -> bytes: ...

    def suggestion(self, pem: bytes, /) -> tuple[datetime | None, datetime]: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """The authority, and where a failed issue is tried out first."""

    authority: Source
    staging: Source | None = None


class Issuer:
    """Issues for `names` into `sets`. `show` puts a challenge's answer where the authority looks for it."""

    def __init__(
        self,
        names: tuple[str, ...],
        sets: Sets,
        sources: Sources,
        show: Callable[[str, str | None], None],
        emit: Emit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._names = names
        self._sets = sets
        self._sources = sources
        self._show = show
        self._emit = emit
        self._now = now
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="garrison-issuer", daemon=True)

    # What is due

    def kept(self) -> Set | None:
        """The set in use, if it can be read at all."""
        try:
            return self._sets.read()
        except StateBroken as error:
            _log.error("%s A new one is asked for.", error)
            return None

    def due(self, kept: Set | None, progress: Progress, now: datetime) -> bool:
        """Whether a certificate is to be asked for, apart from waiting after failures."""
        if kept is None or not set(self._names) <= kept.names:  # an authority may add names of its own
            return True
        suggested = datetime.fromtimestamp(progress.suggested, UTC) if progress.suggested else None
        chance = chance_of(kept.certificate.serial_number, self._sets.folder)
        return now >= renew_at(kept.begins, kept.ends, suggested, chance)

    def turn(self) -> bool:
        """Do what is due now. True when a new set was put to use."""
        now = self._now()
        progress = self._sets.progress()
        kept = self.kept()
        if self._sets.asked():
            return self.attempt(progress) is None
        if kept is not None and now.timestamp() >= progress.ask_again:
            progress = self._ask(kept, progress, now)
        if not self.due(kept, progress, now):
            return False
        wait = progress.next_try - now.timestamp()
        if progress.failures and 0 < wait < _FORGIVEN.total_seconds():
            return False
        return self.attempt(progress) is None

    def _ask(self, kept: Set, progress: Progress, now: datetime) -> Progress:
        try:
            suggested, again = self._sources.authority.suggestion(kept.pem)
        except GarrisonError as error:
            _log.info("No suggestion when to renew: %s", error)
            suggested, again = None, now + ASK_AGAIN
        stamp = suggested.timestamp() if suggested is not None else 0.0
        progress = replace(progress, suggested=stamp, ask_again=again.timestamp())
        self._sets.write_progress(progress)
        return progress

    # Doing it

    def attempt(self, progress: Progress) -> Exception | None:
        """Ask for a certificate once, and put it to use. A failure is written down, told, and returned."""
        try:
            self.issue(rehearse=progress.failures > 0)
        except Exception as error:  # noqa: BLE001  whatever it is: the old set is served, and the next try comes
            if not isinstance(error, GarrisonError):
                _log.exception("Asking for a certificate broke")
            self._failed(progress, error)
            return error
        return None

    def issue(self, *, rehearse: bool) -> None:
        """Ask once and put to use what comes. Raises `GarrisonError`."""
        staging = self._sources.staging
        if rehearse and staging is not None:
            try:
                staging.issue(self._names, self._show)
            except IssueRefused as error:
                raise IssueRefused(f"tried out at the staging directory first: {error.why}", error.remedy) from error
            except AuthorityAway as error:
                _log.warning("Not tried out beforehand: %s", error)
        pem = self._sources.authority.issue(self._names, self._show)
        self._sets.write(pem)
        self._succeeded()

    def _succeeded(self) -> None:
        kept = self._sets.read()
        self._sets.write_progress(Progress())
        if kept is None:
            return
        serial, until = f"{kept.certificate.serial_number:x}", kept.ends.isoformat()
        self._sets.note("issued", self._now(), serial=serial, until=until, names=sorted(kept.names))
        self._emit(EventName.CERTIFICATE_RENEWED, None, serial=serial, until=until, names=" ".join(self._names))

    def _failed(self, progress: Progress, error: Exception) -> None:
        now = self._now()
        failures = progress.failures + 1
        wait = wait_after(failures, chance_of(self._sets.folder, now.timestamp()), self._life())
        why = str(error) or type(error).__name__
        _log.error("No new certificate (failure %d in a row, next try in %ds): %s", failures, wait.total_seconds(), why)
        self._emit(
            EventName.CERTIFICATE_RENEWAL_FAILED, None, failures=failures, error=why, names=" ".join(self._names)
        )
        with suppress(
            GarrisonError
        ):  # a full disk must not keep the alarm from being raised, nor the thread from going on
            again = replace(progress, failures=failures, next_try=(now + wait).timestamp(), error=why)
            self._sets.write_progress(again)
            self._sets.note("failed", now, error=why, failures=failures)

    def _life(self) -> timedelta | None:
        with suppress(GarrisonError):
            kept = self._sets.read()
            return kept.ends - kept.begins if kept else None
        return None

    # Going on

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way, or leave it behind: the thread does not keep the process."""
        self._stop.set()
        self._thread.join(2)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._safely(self._look_after)
            self._stop.wait(LOOK)

    def _look_after(self) -> None:
        with self._sets.only_one() as ours:
            while ours and not self._stop.wait(LOOK):
                self._safely(self.turn)

    def _safely(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  a thread that ends is a certificate that expires
            _log.exception("Looking after the certificate broke")
            self._emit(EventName.CERTIFICATE_RENEWAL_FAILED, None, error=str(error), names=" ".join(self._names))
            self._stop.wait(60)
