"""Who and what an incident concerns, as far as its events tell. Pure.

Threat: a notification to an authority that names too few, because a list looked complete (GDPR Art. 33(3)(a)). So what
events can't tell is said beside what they do: `Affected.untold` is never left out.

Assumption: the events are those of the incident. Lets pass: a principal on an event may be the one who attacks as well
as the one who is attacked; the record can't tell them apart, people do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..events.event import Event
from ..events.terms import Category
from ..events.vocabulary import EventName

MOST: Final = 1000
"""Of each kind so many are named; `Affected.left_out` counts the rest."""
_OBJECTS: Final = ("file", "object", "resource", "record", "table")
"""Details that name what was touched."""
_LOGINS: Final = frozenset(
    {EventName.AUTHN_LOGIN_SUCCESS, EventName.AUTHN_LOGIN_SUCCESS_AFTER_FAIL, EventName.SESSION_CREATED}
)
_READS: Final = "sensitive_"
"""How names of what applications tell of their data begin."""

UNTOLD_NOBODY: Final = "No event names a user: whom it concerns is not known from this record."
UNTOLD_DATA: Final = (
    "No event says which records were read or changed: the application tells of none (sensitive_read, sensitive_update "
    "…), so ask its own database and logs."
)
UNTOLD_VOLUME: Final = (
    "How much was read is not known: only alerts about large amounts give numbers, and answers below 1 MB are not "
    "measured."
)
UNTOLD_ROLE: Final = "Named users may be victims or attackers: the record can't tell which."


@dataclass(frozen=True, slots=True)
class Affected:
    """Names with the number of events about each, the most first.

    accounts   log-ins that were tried, as events call them; `entered` are the users among whose events a log-in worked
    sessions   short hashes, as the log calls sessions; `keys` ids of API keys
    routes     "METHOD /path", without queries; `objects` what events say was touched: "file 3f2a"
    read       bytes that the largest alert has counted (so much at least); 0 when none did
    stored     bytes of files that were received and kept
    """

    principals: Mapping[str, int]
    entered: Mapping[str, int]
    accounts: Mapping[str, int]
    sessions: Mapping[str, int]
    keys: Mapping[str, int]
    clients: Mapping[str, int]
    routes: Mapping[str, int]
    objects: Mapping[str, int]
    read: int
    stored: int
    left_out: Mapping[str, int]
    untold: Sequence[str]


def affected(events: Iterable[Event]) -> Affected:
    """Gather it from `events`."""
    found = {name: Counter[str]() for name in ("principals", "entered", "accounts", "sessions", "keys", "clients",
                                               "routes", "objects")}  # fmt: skip
    read = stored = 0
    for event in events:
        for name, value in _named(event):
            found[name][value] += 1
        read = max(read, _number(event, "count") if _is_volume(event) else 0)  # alerts overlap: no sum
        stored += _number(event, "size") if event.name is EventName.UPLOAD_STORED else 0
    left = {name: len(counted) - MOST for name, counted in found.items() if len(counted) > MOST}
    kept = {name: dict(counted.most_common(MOST)) for name, counted in found.items()}
    return Affected(**kept, read=read, stored=stored, left_out=left, untold=_untold(found, read))


def _named(event: Event) -> Iterable[tuple[str, str]]:
    if event.category is Category.SYSTEM or event.name is EventName.ALERT_RAISED:
        return  # what Garrison and operators did is not what was done to anybody
    details = event.details
    plain = (("principals", event.principal), ("sessions", event.session), ("clients", event.client))
    yield from ((name, value) for name, value in plain if value)
    if event.path:
        yield "routes", f"{event.method} {event.path}"
    if event.principal and event.name in _LOGINS:
        yield "entered", event.principal
    if account := details.get("account"):
        yield "accounts", str(account)
    if handle := details.get("handle"):
        yield "keys", str(handle)
    if event.category in (Category.UPLOAD, Category.DATA, Category.ATTACK, Category.AUTHORIZATION):
        yield from (("objects", f"{name} {details[name]}") for name in _OBJECTS if details.get(name))
    if event.name.value.startswith(_READS) and not any(details.get(name) for name in _OBJECTS):
        yield "objects", f"{event.name.value} {event.path}"


def _is_volume(event: Event) -> bool:
    return event.name is EventName.ALERT_RAISED and str(event.details.get("rule", "")).startswith("much-data")


def _number(event: Event, name: str) -> int:
    value = event.details.get(name)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _untold(found: Mapping[str, Counter[str]], read: int) -> list[str]:
    said = [UNTOLD_ROLE if found["principals"] or found["accounts"] else UNTOLD_NOBODY]
    if not found["objects"]:
        said.append(UNTOLD_DATA)
    if not read:
        said.append(UNTOLD_VOLUME)
    return said
