"""The credentials that Vault or OpenBao has made for us: taken, kept, replaced in time, and given back.

Threat: a database password that lives for years is in backups, in old logs and with people who left. One that the
server makes for this process and takes away after an hour is worth nothing then, and says in the database's log which
process used it.

Assumption: somebody reads every lease again at `due`, or soon after (`harden` does). What fails: a server that is away
leaves the credential in use good until its lease ends; that is said when it begins (`LeaseAtRisk`) and when it ends. A
process that is killed gives nothing back: its leases end by themselves. Lets pass: whoever has the credential, until it
ends; sessions at the database that were begun with it, unless the role's revocation ends them.
"""

from __future__ import annotations

import atexit
import random
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Any, Final

from ..core.errors import GarrisonError
from ..core.ports import Emit, silent
from .errors import LeaseAtRisk, NotPermitted, SecretMissing, SecretRefused, SourceAway
from .lease import Lease, Leaving, due, retry_wait
from .secret import Secret
from .static_role import is_static, static_lease, static_steps
from .vault import Vault

_SERVICE: Final = "leases"


class Leases:
    """All leases of one log-in, by place (`database/creds/shop`). Blocks; may be called in threads, by several."""

    def __init__(
        self,
        vault: Vault,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,  # when to renew is no secret
    ) -> None:
        self.vault = vault
        self._now = monotonic
        self._chance = chance
        self._emit: Emit = silent
        self._guard = Lock()
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._held: dict[str, Lease] = {}
        self._leaving: list[Leaving] = []
        self._failures: dict[str, int] = {}
        self._retry_at: dict[str, float] = {}
        self._told_lacking: set[str] = set()
        self._in_trouble = False
        self._ends_with_process = False

    def attach(self, emit: Emit) -> None:
        """Record events with `emit` from now on."""
        self._emit = emit

    def current(self, place: str) -> Lease:
        """The lease of `place`: taken when there is none, renewed or replaced when it is time.

        Raises `LeaseAtRisk` when that fails and there is one in use; for a first one as `Vault.read`.
        """
        with self._guard:
            lock = self._locks[place]
        with lock:
            lease = self._held.get(place)
            try:
                kept = self._take(place) if lease is None else self._kept(place, lease)
            except GarrisonError as error:
                if lease is None:
                    raise
                raise self._at_risk(place, lease, error) from None
            with self._guard:
                self._held[place] = kept
                self._failures.pop(place, None)
                self._retry_at.pop(place, None)
            return kept

    def told(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Users of what was replaced have been told; their grace begins now, and lasts while they are `busy`."""
        with self._guard:
            now = self._now()
            for one in self._leaving:
                if one.told_at > now:
                    one.told_at, one.busy = now, busy

    def give_back(self) -> None:
        """Revoke what has been let go of. What the server does not take back now is tried again, until it ends."""
        now, grace = self._now(), self.vault.section.grace
        with self._guard:
            going = [one for one in self._leaving if one.may_go(now, grace) and now < one.lease.ends_at]
            self._leaving = [one for one in self._leaving if one not in going and now < one.lease.ends_at]
        for one in going:
            if not self._revoked(one.place, one.lease):
                one.told_at = now  # a grace later again
                with self._guard:
                    self._leaving.append(one)

    def due(self) -> float:
        """Seconds until something has to be done (`current` for every place, then `give_back`); infinite for never."""
        now, grace = self._now(), self.vault.section.grace
        with self._guard:
            times = [
                self._retry_at.get(place, lease.due_at if lease.is_ours else now) for place, lease in self._held.items()
            ]
            times += [one.look_at(now, grace) for one in self._leaving]
        if times and not self._retry_at:
            times.append(self.vault.due())
        return max(0.0, min(times, default=float("inf")) - now)

    def close(self) -> None:
        """Give everything back. Blocks; never raises. What a server that is away can't take back ends by itself."""
        with self._guard:
            all_of_it = [*self._held.items(), *((one.place, one.lease) for one in self._leaving)]
            self._held, self._leaving = {}, []
        for place, lease in all_of_it:
            if lease.id and lease.is_ours and not self._revoked(place, lease):
                return  # once is enough to know

    def steps(self, places: Iterable[str]) -> Iterator[tuple[str, Callable[[], object]]]:
        """What has to work besides taking a lease: each is really renewed, looked at and given back. Each raises as
        `Vault.read`."""
        for place in places:
            lease = self.current(place)
            if not lease.id:
                yield from static_steps(place, lease)
                continue
            yield f"the lease of {place} is looked at", partial(self._look, place, lease)
            yield f"the lease of {place} is renewed", partial(self._renewed, place, lease)
            yield f"the lease of {place} is given back", partial(self._revoke, place, lease)

    def _kept(self, place: str, lease: Lease) -> Lease:
        now = self._now()
        log_in = self.vault.client()
        self._tell_trouble()
        if not lease.id:
            return self._take(place, lease) if lease.is_due(now) or lease.wants_proof(now) else lease
        try:
            if log_in is lease.log_in and lease.is_ours:
                if lease.is_due(now):
                    if (longer := self._renewed(place, lease)) is not None:
                        return longer
                elif not lease.wants_proof(now):
                    return lease
                else:
                    return self._proved(place, lease)
        except NotPermitted as error:
            self._tell_lacking(error)  # a new one can be had without this right
        except SecretRefused:
            pass  # it was ended behind our back, or can't be renewed
        new = self._take(place)
        with self._guard:
            if lease.is_ours:
                self._leaving.append(Leaving(place, lease))
        return new

    def _take(self, place: str, before: Lease | None = None) -> Lease:
        def read(client: Any) -> tuple[Any, Any]:
            return client, self.vault.ask(f"lease://{place}", lambda: client.read(place), take_line(place))

        if not self._ends_with_process:  # a start that is refused, or a script, gives back what it has taken
            atexit.register(_end, weakref.ref(self))
            self._ends_with_process = True
        log_in, answer = self.vault.logged_in(read)
        what, now = f"lease://{place}", self._now()
        if answer is None:
            raise SecretMissing(what, "Write the role there, or correct the mount and path.")
        data, seconds = answer.get("data") or {}, float(answer["lease_duration"])
        fields = {name: Secret(value) for name, value in data.items() if isinstance(value, str)}
        if not answer.get("lease_id"):
            return static_lease(place, data, fields, now, before)
        ends_at, due_at = now + seconds, due(now, seconds, self._chance())
        return Lease(answer["lease_id"], fields, seconds, ends_at, due_at, now, log_in)

    def _renewed(self, place: str, lease: Lease) -> Lease | None:
        answer = self._call(
            renew_line(place), place, lambda client: client.adapter.put(f"/v1/sys/leases/renew/{lease.id}", json={})
        )
        return lease.renewed(float(answer["lease_duration"]), self._now(), self._chance())

    def _proved(self, place: str, lease: Lease) -> Lease:
        try:
            self._look(place, lease)
        except NotPermitted as error:
            self._tell_lacking(error)  # it can be used unseen
        return lease.proved(self._now())

    def _revoked(self, place: str, lease: Lease) -> bool:
        """Whether it has ended, and if not, an event."""
        try:
            self._revoke(place, lease)
        except NotPermitted as error:
            self._tell_lacking(error)
            return True  # it is never going to be permitted: it ends with its log-in, or by itself
        except (SecretRefused, SecretMissing, SourceAway) as error:
            # A server that could not end it, as when the user owns something, tries again by itself.
            left = max(0.0, lease.ends_at - self._now())
            why = (
                f"lease://{place} was not given back and ends by itself in {left:.0f} s. {error.message} {error.remedy}"
            )
            self._emit("service_degraded", service=_SERVICE, error=why)
            return not isinstance(error, SourceAway)
        return True

    def _look(self, place: str, lease: Lease) -> None:
        self._call(LOOK_LINE, place, lambda client: client.write("sys/leases/lookup", lease_id=lease.id))

    def _revoke(self, place: str, lease: Lease) -> None:
        self._call(
            revoke_line(place), place,
            lambda client: client.adapter.put(f"/v1/sys/leases/revoke/{lease.id}", json={"sync": True}),
        )  # fmt: skip

    def _call(self, line: str, place: str, call: Callable[[Any], Any]) -> Mapping[str, Any]:
        what = f"the lease of {place}"
        answer = self.vault.logged_in(lambda client: self.vault.ask(what, lambda: call(client), line))
        return answer if isinstance(answer, Mapping) else {}

    def _tell_lacking(self, error: NotPermitted) -> None:
        if error.remedy not in self._told_lacking:
            self._told_lacking.add(error.remedy)
            self._emit("service_degraded", service=_SERVICE, error=f"{error.message} {error.remedy}")

    def _tell_trouble(self) -> None:
        """That all leases are about to end with their log-in: once when it begins, once when it is over."""
        why = self.vault.trouble
        if bool(why) != self._in_trouble:
            self._in_trouble = bool(why)
            if why:
                self._emit("service_degraded", service=_SERVICE, error=why)
            else:
                self._emit("service_recovered", service=_SERVICE)

    def _at_risk(self, place: str, lease: Lease, error: GarrisonError) -> LeaseAtRisk:
        now = self._now()
        with self._guard:
            failures = self._failures[place] = self._failures.get(place, 0) + 1
            self._retry_at[place] = now + retry_wait(failures, lease.ends_at - now)
        cannot = f"the lease of {place} can be neither renewed nor replaced"
        if not lease.id:
            cannot = f"the password of {place} can't be read again"
        why = f"{cannot} ({error.message.rstrip('.')})"
        return LeaseAtRisk(self.vault.place, why, error.remedy, max(0.0, lease.ends_at - now))


def _end(reference: weakref.ref[Leases]) -> None:
    if (leases := reference()) is not None:
        leases.close()
        leases.vault.close()


def take_line(place: str) -> str:
    """The line of a server policy that lets a credential be made."""
    return f'path "{place}" {{ capabilities = ["read"] }}'


def renew_line(place: str) -> str:
    """The line that lets leases of `place`, and no others, be renewed."""
    return f'path "sys/leases/renew/{place}/*" {{ capabilities = ["update"] }}'


def revoke_line(place: str) -> str:
    """The line that lets leases of `place`, and no others, be given back."""
    return f'path "sys/leases/revoke/{place}/*" {{ capabilities = ["update"] }}'


LOOK_LINE: Final = 'path "sys/leases/lookup" { capabilities = ["update"] }'
"""The line that lets a lease be looked at; whoever asks has to know its id."""


def lease_lines(place: str) -> tuple[str, ...]:
    """Every line that a lease of `place` needs."""
    if is_static(place):
        return (take_line(place),)
    return take_line(place), renew_line(place), revoke_line(place), LOOK_LINE
