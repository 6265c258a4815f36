"""Credentials that Vault or OpenBao makes for us: `lease://MOUNT/PATH#FIELD`, or an address with fields in it.

    lease://database/creds/shop#password
    lease://database/creds/shop#postgresql://{username}:{password}@db.internal/shop?sslmode=verify-full

Threat: a user of one credential with the password of another, because the credential was replaced between two
readings. So all references of one reading see the same lease. A field is percent-encoded where it stands in an address:
no character of a password can lead elsewhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from threading import Lock
from typing import Final
from urllib.parse import quote

from ..core.errors import GarrisonError
from ..policy.reference import Reference, is_template, split_vault
from .errors import SecretMissing
from .lease import Lease
from .leases import Leases
from .secret import Secret
from .source import as_secret

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class LeaseSource:
    """`lease://database/creds/shop#password`."""

    scheme = "lease"

    def __init__(self, leases: Leases) -> None:
        self.leases = leases

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        mount, path, _ = split_vault(reference)
        if not self.leases.vault.section.address:
            raise SecretMissing(f"lease://{mount}/{path}", "Write [vault] address and a log-in into the policy.")
        return written(reference, self._lease(f"{mount}/{path}"))

    def one_reading(self) -> OneReading:
        """A source for references that belong together."""
        return OneReading(self.leases)

    def _lease(self, place: str) -> Lease:
        return self.leases.current(place)


class OneReading(LeaseSource):
    """As `LeaseSource`, and asks for each lease once: its fields fit each other."""

    def __init__(self, leases: Leases) -> None:
        super().__init__(leases)
        self._guard = Lock()
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._found: dict[str, Lease | GarrisonError] = {}

    def _lease(self, place: str) -> Lease:
        with self._guard:
            lock = self._locks[place]
        with lock:
            if place not in self._found:
                try:
                    self._found[place] = super()._lease(place)
                except GarrisonError as error:
                    self._found[place] = error  # for all of its fields: a second try might give half of another lease
            found = self._found[place]
        if isinstance(found, GarrisonError):
            raise found
        return found


def written(reference: Reference, lease: Lease) -> Secret[str]:
    """What `reference` stands for, of the fields of `lease`. Raises `SecretMissing` for a field that it has not."""
    mount, path, field = split_vault(reference)
    place = f"lease://{mount}/{path}"

    def find(name: str) -> str:
        if name not in lease.fields:
            has = ", ".join(sorted(lease.fields)) or "none"
            raise SecretMissing(f"{place}, field {name}", f"Its fields are: {has}.")
        return lease.fields[name].reveal()

    if not is_template(field):
        return as_secret(find(field), place, "See the role: the server made an empty one.")
    text = _PLACEHOLDER.sub(lambda found: quote(find(found[1]), safe=""), field)
    return as_secret(text, place, "See the role: the server made an empty one.")
