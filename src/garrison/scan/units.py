"""What a systemd unit gives a service that it does not need. Pure.

Assumption: a unit with ExecStart= in [Service] is whole; without, it is a drop-in whose rest stands elsewhere, and
nothing is said to be missing. What DynamicUser=yes brings (systemd.exec(5)) counts as set.
Lets pass: drop-ins beside it, templates' instances. `garrison edge systemd --check` asks systemd itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from ..findings.record import Finding, Location
from .deploy_rules import Deploy
from .plain_secrets import given_secret, plain_secret

_ON: Final = frozenset({"yes", "true", "on", "1"})
_FULL: Final = re.compile(r"CAP_(?:SYS_ADMIN|SYS_MODULE|SYS_PTRACE|SYS_RAWIO|DAC_READ_SEARCH|BPF|SYS_BOOT)")
_SHARED: Final = re.compile(r"^(?:/tmp|/var/tmp|/dev/shm)(?:/|$)")
_OPENED: Final = re.compile(r"\bchmod\s+(?:-\w+\s+)*(?:[0-7]?[0-7]{2}[2367]|[ugoa]*[oa][ugoa]*[+=]\w*w\w*|\+w)\b")
_HARDENING: Final = (
    ("NoNewPrivileges", Deploy.UNIT_NEW_RIGHTS, _ON),
    ("ProtectSystem", Deploy.UNIT_SYSTEM, frozenset({"strict"})),
    ("PrivateTmp", Deploy.UNIT_TMP, _ON | {"disconnected"}),
    ("ProtectHome", Deploy.UNIT_HOME, _ON | {"read-only", "tmpfs"}),
)
_Hit = tuple[Deploy, int, str, str]
_Settings = dict[str, list[tuple[str, int]]]


def is_unit(path: str) -> bool:
    """Whether it is a unit that starts something or listens."""
    return path.endswith((".service", ".socket"))


def examine_unit(path: str, text: str) -> list[Finding]:
    """What is wrong in one unit. Raises ValueError for a line that is none of a unit."""
    sections, places = _read(text)
    found = []
    for section, settings in sections.items():
        for rule, line, message, mark in _section(section, settings, places[section]):
            found.append(rule.found(message, Location(path=path, line=line, key=section), mark))
    return found


def _read(text: str) -> tuple[dict[str, _Settings], dict[str, int]]:
    """Section by section, every setting with its values and lines (systemd.syntax(7)); and where sections begin."""
    sections: dict[str, _Settings] = {}
    places: dict[str, int] = {}
    name, key, joined = "", "", False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        more = line.endswith("\\")
        line = line.rstrip("\\").rstrip()
        if joined:
            value, where = sections[name][key][-1]
            sections[name][key][-1] = (f"{value} {line}", where)
        elif line.startswith("[") and line.endswith("]"):
            name, more = line[1:-1], False
            sections.setdefault(name, {})
            places.setdefault(name, number)
        else:
            key, _, value = line.partition("=")
            key = key.strip()
            if not key or not name or "=" not in line:
                raise ValueError(f"line {number} is no setting")
            several = sections[name].setdefault(key, [])
            several.append((value.strip(), number))
        joined = more
    return sections, places


def _section(name: str, settings: _Settings, begins: int) -> Iterator[_Hit]:
    yield from _modes(settings)
    if name == "Service":
        yield from _environment(settings)
        yield from _commands(settings)
        yield from _capabilities(settings)
        if "ExecStart" in settings:
            yield from _missing(settings, begins)


def _last(settings: _Settings, key: str) -> tuple[str, int]:
    return settings[key][-1] if key in settings else ("", 0)


def _environment(settings: _Settings) -> Iterator[_Hit]:
    for value, line in settings.get("Environment", ()):
        for one in _words(value):
            name, _, given = one.partition("=")
            if plain_secret(name, given):
                yield Deploy.UNIT_SECRET, line, f"{name[:80]} is written here.", name


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _commands(settings: _Settings) -> Iterator[_Hit]:
    for key in (one for one in settings if one.startswith("Exec")):
        for value, line in settings[key]:
            prefix = value[: len(value) - len(value.lstrip("@-:+!|"))]
            command = value[len(prefix) :]
            if name := given_secret(command):
                yield Deploy.UNIT_SECRET, line, f"{key} hands over --{name}: every process list shows it.", name
            if "+" in prefix:
                yield Deploy.UNIT_FULL, line, f"{key} runs with the rights of root, whatever the unit says.", key
            if _SHARED.match(command):
                yield Deploy.UNIT_PLACE, line, f"{command.split()[0][:120]} lies where every user writes.", command
            if _OPENED.search(command):
                yield Deploy.UNIT_MODES, line, f"{key} opens a file to everybody.", key
    folder, line = _last(settings, "WorkingDirectory")
    if _SHARED.match(folder.lstrip("-")):
        yield Deploy.UNIT_PLACE, line, f"It works in {folder[:120]}, and Python loads modules from there.", folder


def _modes(settings: _Settings) -> Iterator[_Hit]:
    mask, line = _last(settings, "UMask")
    if re.fullmatch(r"[0-7]{1,4}", mask) and not int(mask, 8) & 0o002:
        yield Deploy.UNIT_MODES, line, f"UMask={mask}: everybody may write its files.", "UMask"
    for key in settings:
        mode, line = _last(settings, key)
        open_to_all = re.fullmatch(r"[0-7]{3,4}", mode) and int(mode, 8) & 0o002
        if key.endswith("Mode") and open_to_all:
            yield Deploy.UNIT_MODES, line, f"{key}={mode}.", key


def _capabilities(settings: _Settings) -> Iterator[_Hit]:
    value, line = _last(settings, "AmbientCapabilities")
    if held := _FULL.search(value):
        yield Deploy.UNIT_FULL, line, f"It is given {held[0]}.", held[0]


def _missing(settings: _Settings, begins: int) -> Iterator[_Hit]:
    if _last(settings, "DynamicUser")[0].lower() in _ON:
        return
    user, line = _last(settings, "User")
    if user in {"", "root", "0"}:
        yield Deploy.UNIT_ROOT, line or begins, f"User={user}." if user else "User= is not set.", "User"
    for key, rule, fine in _HARDENING:
        value, line = _last(settings, key)
        if value.lower() not in fine:
            yield rule, line or begins, f"{key}={value}." if value else f"{key}= is not set.", key
