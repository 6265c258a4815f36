"""Which of nuclei's templates may be sent to an application that has to survive it. Pure, but for reading the folder.

Threat: a template sends whatever it says: other methods, other hosts, code on this machine, requests to a server of
its makers, a thousand passwords. Its tags are its author's word only. So every file is read here, and what is not
plainly harmless is left out: HTTP only, methods that are allowed only, paths of the target only, nothing tagged as
harmful. nuclei gets copies of the texts that were read, nothing else.
Lets pass: a GET that changes something.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from .lined_yaml import Lined, read_yaml

MOST: Final = 20_000
"""Files that are read; the public collection has about 13,000."""
_LARGEST: Final = 512 * 1024
HARMFUL: Final = ("dos", "intrusive", "fuzz", "fuzzing", "bruteforce", "brute-force", "local", "oast", "oob")
"""Tags: the public collection's own list of what is not run unasked, what it calls intrusive, and callbacks."""
_OTHER_PROTOCOLS: Final = frozenset(
    {"code", "dns", "file", "headless", "javascript", "network", "ssl", "tcp", "websocket", "whois", "workflows"}
)
_LOUD: Final = frozenset({"fuzzing", "race", "race_count", "unsafe", "pipeline", "self-contained"})
"""Keys of a request or template that send what can't be read off it, or too much at once."""
_TARGET: Final = re.compile(r"\{\{(?:BaseURL|RootURL)\}\}(?:$|[/?#]|\{\{(\w+)\}\})")
_HTTP: Final = re.compile(r"^(?:http|requests):", re.MULTILINE)


def choose(folder: Path, methods: Collection[str]) -> tuple[dict[str, str], int]:
    """The templates that may run, their texts by relative path, and how many files of requests there are.

    Raises OSError for a folder that can't be read, ValueError for one with too many files.
    """
    chosen: dict[str, str] = {}
    seen = 0
    for path in _files(folder):
        text = path.read_text(encoding="utf-8", errors="replace")
        if not _HTTP.search(text):
            continue  # another protocol, a profile, a list of words
        seen += 1
        if not refused(text, methods):
            chosen[path.relative_to(folder).as_posix()] = text
    return chosen, seen


def refused(text: str, methods: Collection[str]) -> str:
    """Why a template may not run; empty when it may."""
    if "interactsh" in text:
        return "asks a server of its makers"
    if "method-override" in text.lower():
        return "sends another method"
    try:
        root = read_yaml(text).pairs
    except ValueError:
        return "is no YAML"
    info = root["info"].pairs if "info" in root else {}
    tags = {word.strip().lower() for one in _of(info, "tags") for word in one.text.split(",")}
    if found := tags & set(HARMFUL):
        return f"is tagged {min(found)}"
    if more := _OTHER_PROTOCOLS & set(root):
        return f"does more than HTTP: {min(more)}"
    if "flow" in root and "require" in root["flow"].text:
        return "runs code in its flow"
    requests = [*_of(root, "http"), *_of(root, "requests")]
    if not requests or _true(root, "self-contained"):
        return "has no request to the target"
    return next((why for one in requests if (why := _request(one, methods))), "")


def _request(one: Lined, methods: Collection[str]) -> str:
    said = one.pairs
    if found := {key for key in _LOUD if key in said and said[key].text.lower() != "false"}:
        return f"uses {min(found)}"
    payloads = said["payloads"].pairs if "payloads" in said else {}
    if any(isinstance(values.value, str) for values in payloads.values()):
        return "takes payloads from another file"
    # What stands right after the host could be `@another.host`: only paths may.
    rooted = {name for name, values in payloads.items() if all(one.text.startswith("/") for one in values.items)}
    raw, paths = _of(said, "raw"), _of(said, "path")
    if not raw and not paths:
        return "has no path"
    if paths and (said["method"].text.upper() if "method" in said else "GET") not in methods:
        return "sends another method"
    if not all(_is_below(path.text, rooted) for path in paths):
        return "asks another address"
    return next((why for each in raw if (why := _raw(each.text, methods, rooted))), "")


def _is_below(address: str, rooted: Collection[str]) -> bool:
    match = _TARGET.match(address)
    return match is not None and (match[1] is None or match[1] in rooted)


def _raw(text: str, methods: Collection[str], rooted: Collection[str]) -> str:
    """A request as it goes out. Lines with `@` before it set another host, or a name for TLS."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if any(line.startswith("@") for line in lines):
        return "is annotated"
    method, _, rest = (lines or [""])[0].partition(" ")
    if method not in methods:
        return "sends another method"
    address = rest.strip()
    return "" if address.startswith("/") or _is_below(address.split(" ")[0], rooted) else "asks another address"


def _of(pairs: dict[str, Lined], key: str) -> list[Lined]:
    return pairs[key].items if key in pairs else []


def _true(pairs: dict[str, Lined], key: str) -> bool:
    return key in pairs and pairs[key].text.lower() != "false"


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.endswith((".yaml", ".yml")) or path.is_symlink() or path.stat().st_size > _LARGEST:
                continue
            if (count := count + 1) > MOST:
                raise ValueError(f"more than {MOST} templates")
            yield path
