"""Ban lists as files: one target on each line, or JSON as `garrison bans export` writes it.

A list comes from somebody else. It is read as a whole and every fault in it is told before anything is banned: half a
list would look like a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..core.ban_rules import BanRefused, BanRules
from ..core.bans import BadTarget, Ban, Target, parse_target
from ..core.errors import OperatorError

FORM: Final = "garrison-bans"
MOST_BYTES: Final = 16 * 1024**2
_SHOWN: Final = 20


class ListRefused(OperatorError):
    """A ban list with faults. `faults` tells each with its place; nothing of the list was taken over."""

    def __init__(self, faults: list[str]) -> None:
        count = len(faults)
        super().__init__(
            f"The list has {count} fault{'s' if count != 1 else ''}; nothing was banned.",
            remedy="Mend the list. --force takes in wide networks and loopback; proxies and bans.allow it does not.",
            reference="docs/layers/bans.md",
        )
        more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
        self.faults = tuple(faults)
        self.details = "\n".join([*faults[:_SHOWN], *more])


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in the list. `until` is wall time; `None` when the list does not say."""

    place: str
    target: str
    reason: str = ""
    until: float | None = None


def read_list(text: str) -> list[Entry]:
    """The entries of a list in either form. Raises `ListRefused` when it is neither."""
    if len(text) > MOST_BYTES:
        raise ListRefused([f"it is longer than {MOST_BYTES} bytes"])
    if text.lstrip()[:1] in ("{", "["):
        return list(_from_json(text))
    return list(_from_lines(text.splitlines()))


def judge(
    entries: Iterable[Entry], rules: BanRules, now: float, *, prefix: int, force: bool
) -> tuple[list[tuple[Target, Entry]], int]:
    """The targets to ban, each once, and how many entries have run out. Raises `ListRefused` with every fault."""
    faults: list[str] = []
    targets: dict[str, tuple[Target, Entry]] = {}
    ended = 0
    for entry in entries:
        try:
            target = parse_target(entry.target, prefix)
            rules.check(target, force=force)
        except (BadTarget, BanRefused) as error:
            faults.append(f"{entry.place}: {error.message}")
            continue
        if entry.until is not None and entry.until <= now:
            ended += 1
        else:
            targets[target.id] = (target, entry)
    if faults:
        raise ListRefused(faults)
    return list(targets.values()), ended


def as_lines(bans: Iterable[Ban]) -> str:
    """One target on each line; when and why it was banned as a comment."""
    return "".join(f"{ban.target}{_comment(ban)}\n" for ban in bans)


def as_json(bans: Iterable[Ban]) -> dict[str, Any]:
    """What `read_list` reads back without loss."""
    return {"form": FORM, "version": 1, "bans": [plain(ban) for ban in bans]}


def plain(ban: Ban) -> dict[str, Any]:
    """One ban as JSON has it; times are seconds since the epoch."""
    return {
        "id": ban.id, "kind": str(ban.target.kind), "target": str(ban.target), "since": ban.since,
        "until": ban.until, "reason": ban.reason, "by": ban.by, "batch": ban.batch,
    }  # fmt: skip


def _comment(ban: Ban) -> str:
    reason = "".join(character for character in ban.reason if character.isprintable())
    return f"  # {reason}" if reason else ""


def _from_lines(lines: Iterable[str]) -> Iterator[Entry]:
    """Comments begin with `#` or `;` as in published lists."""
    for number, line in enumerate(lines, 1):
        content, _, comment = line.replace(";", "#").partition("#")
        if content.strip():
            yield Entry(f"line {number}", content.strip(), comment.strip())


def _from_json(text: str) -> Iterator[Entry]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ListRefused(["it is no JSON"]) from None
    entries = value.get("bans") if isinstance(value, Mapping) and value.get("form") == FORM else value
    if not isinstance(entries, list):
        raise ListRefused([f'it is neither a list nor an object with "form": "{FORM}"'])
    faults: list[str] = []
    for number, one in enumerate(entries, 1):
        entry = _entry(f"entry {number}", one)
        if isinstance(entry, str):
            faults.append(entry)
        else:
            yield entry
    if faults:
        raise ListRefused(faults)


def _entry(place: str, value: object) -> Entry | str:
    if isinstance(value, str):
        return Entry(place, value)
    if not isinstance(value, Mapping) or not isinstance(value.get("target"), str):
        return f"{place}: it names no target"
    reason, until = value.get("reason", ""), value.get("until")
    number = isinstance(until, (int, float)) and not isinstance(until, bool)
    if not isinstance(reason, str) or not (until is None or number):
        return f"{place}: reason is a text, until a number of seconds since the epoch or null"
    return Entry(place, value["target"], reason, until)
