"""What a project depends on, from its lock files: uv, Poetry, PDM, pip and Pipfile; npm in `lockfiles_npm`.

Lets pass: what is installed without standing in a lock. A line without an exact version is not guessed at: it is named.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, Final
from urllib.parse import urlsplit

_PIN: Final = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(===?\s*([^\s;#\\]+))?")
_HASH: Final = re.compile(r"--hash=(sha(?:256|384|512)):([0-9a-f]+)")
_TAKES_IN: Final = re.compile(r"^\s*(?:-r|--requirement)[ =]*([^\s#]+)")
_EDITABLE: Final = re.compile(r"^(?:-e|--editable)[ =]\s*")
_ADDRESS: Final = re.compile(r"\S+://|\S+\.(?:whl|zip|tar\.\w+|tgz)(?:\s|;|$)")
_EGG: Final = re.compile(r"[#&]egg=([\w.-]+)")
NPM_LOCKS: Final = frozenset({"package-lock.json", "npm-shrinkwrap.json"})
UNREAD_LOCKS: Final = {"yarn.lock": "Yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "Bun", "bun.lockb": "Bun"}
"""Lock files that are known and not read: naming them is all that can be done."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One package in one file. `version` is empty where the file does not pin it.

    `hashes`: of its files, `sha256:…` in hex. `needs`: names of what it depends on, where the lock tells. `dev`: only
    for development, where the lock tells. `scripts`: it runs a script when installed. `licence`: as the lock has it.
    `elsewhere`: it comes from a repository, file or address of its own, and from no registry.
    """

    name: str
    version: str
    path: str
    line: int = 1
    ecosystem: str = "PyPI"
    hashes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    dev: bool = False
    scripts: bool = False
    licence: str = ""
    elsewhere: bool = False

    @property
    def purl(self) -> str:
        """Its package URL (github.com/package-url/purl-spec)."""
        kind, name = ("npm", self.name.replace("@", "%40")) if self.ecosystem == "npm" else ("pypi", self.name)
        return f"pkg:{kind}/{name}" + (f"@{self.version.replace('+', '%2B')}" if self.version else "")


class NotRead(ValueError):
    """A lock file, or a part of it, that is known and not read; the text says which."""


def is_lock(path: str) -> bool:
    """Whether a file says which versions are installed."""
    name = PurePosixPath(path).name
    return name in {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", *NPM_LOCKS, *UNREAD_LOCKS} or (
        name.endswith(".txt") and ("requirements" in name or PurePosixPath(path).parent.name == "requirements")
    )


def read_lock(root: Path, path: str) -> list[Dependency]:
    """The dependencies of a lock file, and of the files that it takes in (`-r`) and that are none by their name.

    Raises OSError, ValueError for what can't be read.
    """
    _refuse_unread(path)
    found: list[Dependency] = []
    waiting, seen = [path], {path}
    while waiting:
        one = waiting.pop()
        text = (root / one).read_text(encoding="utf-8")
        found += parse_lock(one, text)
        fresh = [other for other in _taken_in(root, one, text) if other not in seen]
        waiting += fresh
        seen.update(fresh)
    return found


def _taken_in(root: Path, path: str, text: str) -> Iterator[str]:
    for line in text.splitlines() if path.endswith(".txt") else ():
        if not (match := _TAKES_IN.match(line)):
            continue
        other = normpath(PurePosixPath(path).parent / match[1])
        if other.startswith(("../", "/")) or not (root / other).is_file():
            raise NotRead(f"{path} (it takes in {match[1][:100]}, which is not in the project)")
        if not is_lock(other):  # which is read as one
            yield other


def parse_lock(path: str, text: str) -> list[Dependency]:
    """The dependencies in the text of a lock file. Raises ValueError for what can't be read."""
    from .lockfiles_npm import npm_lock

    _refuse_unread(path)
    name = PurePosixPath(path).name
    try:
        if path.endswith(".txt"):
            return list(_requirements(path, text))
        if name in NPM_LOCKS:
            return list(npm_lock(path, text))
        if name == "Pipfile.lock":
            return list(_pipfile(path, json.loads(text)))
        return list(_tables(path, text))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no lock file of that kind ({type(error).__name__})") from None


def _refuse_unread(path: str) -> None:
    if manager := UNREAD_LOCKS.get(PurePosixPath(path).name):
        raise NotRead(f"{path} is a lock of {manager}, which is not read")


def unreadable(path: str, error: Exception) -> str:
    """What reports say about a lock that gave nothing."""
    return str(error) if isinstance(error, NotRead) else f"{path} ({type(error).__name__})"


def plain(name: str) -> str:
    """The normal form of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(path: str, text: str) -> Iterator[Dependency]:
    found: Dependency | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if found is not None and stripped.startswith("--hash"):
            found = replace(found, hashes=(*found.hashes, *_hashes(line)))
            continue
        stripped = _EDITABLE.sub("", stripped)
        if not stripped or stripped.startswith(("#", "-")) or line.startswith((" ", "\t")):
            continue
        if found is not None:
            yield found
        if _ADDRESS.match(stripped):
            found = Dependency(_called(stripped), "", path, number, elsewhere=True)
            continue
        match = _PIN.match(stripped)
        found = Dependency(plain(match[1]), match[3] or "", path, number, hashes=_hashes(line)) if match else None
    if found is not None:
        yield found


def _called(address: str) -> str:
    """The name of a package that comes by an address or as a file: as that says, or its last part; no password."""
    if match := _EGG.search(address):
        return plain(match[1])
    last = PurePosixPath(urlsplit(address.split()[0]).path).name.partition("@")[0]
    return plain(re.sub(r"\.git$|-\d.*|\.(?:whl|zip|tar\.\w+|tgz)$", "", last)) or "a package of no name"


def _hashes(line: str) -> tuple[str, ...]:
    return tuple(f"{kind}:{value}" for kind, value in _HASH.findall(line))


def _tables(path: str, text: str) -> Iterator[Dependency]:
    data = tomllib.loads(text)
    lines = {text_.strip(): number for number, text_ in reversed(list(enumerate(text.splitlines(), start=1)))}
    outer = data.get("metadata", {}).get("files", {})  # Poetry before 1.5 kept hashes there
    for one in [*data.get("package", []), *data.get("packages", [])]:
        name, version = str(one.get("name", "")), str(one.get("version", ""))
        own = isinstance(one.get("source"), dict) and bool({"editable", "virtual", "directory"} & set(one["source"]))
        if name and not own:
            files = [
                *one.get("files", outer.get(name, [])),
                *one.get("wheels", []),
                one.get("sdist"),
                one.get("archive"),
            ]
            groups = set(one.get("groups", ()))
            yield Dependency(
                plain(name), version, path, lines.get(f'name = "{name}"', 1),
                hashes=tuple(dict.fromkeys(mark for file in files if file for mark in _file_hashes(file))),
                needs=tuple(sorted({plain(need) for need in _needs(one.get("dependencies", ()))})),
                dev=one.get("category") == "dev" or bool(groups and "main" not in groups and "default" not in groups),
                elsewhere=_of_no_index(one),
            )  # fmt: skip


def _of_no_index(one: dict[str, Any]) -> bool:
    """Whether a package comes from a repository, an address, a file or a folder: Poetry gives its source a type, uv a
    key, PDM, Pipfile and pylock.toml the package itself."""
    source = one.get("source")
    if isinstance(source, dict) and "type" in source:
        return str(source["type"]) != "legacy"  # which is an index of another name
    places = set(source) if isinstance(source, dict) else set(one)
    return bool(places & {"git", "hg", "svn", "bzr", "vcs", "url", "path", "file", "archive", "directory"})


def _file_hashes(file: dict[str, Any]) -> list[str]:
    if isinstance(file.get("hashes"), dict):  # pylock.toml
        return [f"{kind}:{value}" for kind, value in sorted(file["hashes"].items())]
    return [str(file["hash"])] if file.get("hash") else []


def _needs(given: Any) -> list[str]:
    if isinstance(given, dict):  # Poetry
        return list(given)
    return [
        str(one["name"]) if isinstance(one, dict) else re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in given
    ]


def _pipfile(path: str, data: dict[str, Any]) -> Iterator[Dependency]:
    for group in ("default", "develop"):
        for name, one in data.get(group, {}).items():
            version = str(one.get("version", "")).removeprefix("==")
            yield Dependency(plain(name), version, path, hashes=tuple(one.get("hashes", ())), dev=group == "develop",
                             elsewhere=_of_no_index(one))  # fmt: skip
