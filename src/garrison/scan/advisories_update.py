"""Fetching advisories: the archives that OSV publishes, or a mirror's, into a new database.

Threat: somebody on the way, or a mirror that fell behind, hides holes. So only https is asked (http on this machine
alone), a redirect to anything else is refused, answers are bounded, and what is older than the database is not taken.
Assumption: TLS, as the system has it: OSV signs nothing. The old database stays until the new one is whole.
"""

from __future__ import annotations

import errno
import http.client
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..core.errors import DependencyError, OperatorError
from .advisories import Advisories, DatabaseBroken, import_records
from .index import http_only
from .live import Live

OSV: Final = "https://osv-vulnerabilities.storage.googleapis.com/{}/all.zip"
"""Where OSV publishes all records of an ecosystem (google.github.io/osv.dev/data)."""
ECOSYSTEMS: Final = ("PyPI", "npm")
LARGEST: Final = 1024 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_SECONDS: Final = 60
"""Without a byte. The whole may take longer."""


class NoUpdate(DependencyError):
    """The archives can't be had; the database is what it was."""


class AddressRefused(OperatorError):
    """An address that is not asked."""

    exit_code = 2


def update(addresses: Sequence[str], target: Path, largest: int = LARGEST) -> int:
    """Fetch archives and make the database of them; how many advisories there are now.

    `addresses`: of archives in the form of OSV's. `largest`: bytes of one. Raises `NoUpdate`, `AddressRefused`,
    `ArchiveUnusable`.
    """
    for address in addresses:
        _check(address)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="garrison-advisories-", dir=target.parent) as name:
        archives = [Path(name, f"{number}.zip") for number in range(len(addresses))]
        for address, archive in zip(addresses, archives, strict=True):
            _fetch(address, archive, largest)
        fresh = Path(name, "advisories.sqlite")
        count = import_records(archives, fresh)
        _not_older(_days(fresh), _days(target))
        fresh.replace(target)
    return count


def known_ecosystems(target: Path) -> tuple[str, ...]:
    """Those that the database has: what an update has to fetch so that none is lost. PyPI where there is none."""
    return tuple(one for one in ECOSYSTEMS if one in _days(target)) or ("PyPI",)


def _check(address: str) -> None:
    parts = urlsplit(address)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and Live(address).is_loopback)):
        raise AddressRefused(f"{_shown(address)} is not asked: only https is.", remedy="Name the https address.")


def _fetch(address: str, archive: Path, largest: int) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "garrison-scan"})  # noqa: S310  # see `_check`
    try:
        with http_only(_Checked()).open(request, timeout=_SECONDS) as answer, archive.open("wb") as file:
            left = largest
            while data := answer.read(_CHUNK):
                left -= len(data)
                if left < 0:
                    raise NoUpdate(f"{_shown(address)} gives more than {largest} bytes")
                file.write(data)
            if answer.length:
                raise NoUpdate(f"{_shown(address)} ended {answer.length} bytes too early")
    except urllib.error.HTTPError as error:
        raise NoUpdate(f"{_shown(address)} answered {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoUpdate(f"There is no room for {_shown(address)} in {archive.parent.parent}.") from None
        raise NoUpdate(
            f"{_shown(address)} does not give it ({type(error).__name__})", remedy="Name a mirror: --from URL."
        ) from None


class _Checked(urllib.request.HTTPRedirectHandler):
    """Where a redirect leads is checked before anybody is asked there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See the class."""
        _check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _days(file: Path) -> dict[str, date]:
    try:
        with closing(Advisories(file)) as known:
            return known.days
    except (FileNotFoundError, DatabaseBroken):
        return {}


def _not_older(fresh: dict[str, date], known: dict[str, date]) -> None:
    for one, day in known.items():
        if one not in fresh:
            raise NoUpdate(f"There is nothing of {one} in what was fetched, and the database knows it.",
                           remedy=f"Fetch it as well: --ecosystem {one}, or its archive --from a mirror.")  # fmt: skip
        if fresh[one] < day:
            raise NoUpdate(f"What was fetched of {one} ends on {fresh[one]}, the database on {day}: it is older.",
                           remedy="Ask another mirror, or OSV itself.")  # fmt: skip


def _shown(address: str) -> str:
    """Without a user, a password or a query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
