"""Asking the index and the registry about every package of the lock files, each once, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from .index import NoIndex, Release, index_of_pip, releases
from .lockfiles import Dependency
from .registry_npm import Registries, registries_of_npm, releases_of_npm

AT_ONCE: Final = 8
T = TypeVar("T")
Known = tuple[list[Release], str]
"""Releases, oldest first, and where the changes are told."""


def ask_all(
    found: Sequence[Dependency], folder: Path, index: str = "", registry: str = ""
) -> dict[tuple[str, str], Known | NoIndex]:
    """For each ecosystem and name what is known, or why nothing is.

    `index` and `registry` instead of those that pip and npm are configured for, npm for the project in `folder`.
    """
    names = list(dict.fromkeys((one.ecosystem, one.name) for one in found))
    python = _asker(lambda: index or index_of_pip(), lambda at, name: (releases(at, name), ""), "PyPI", names)
    npm = _asker(lambda: _registries(registry, folder), releases_of_npm, "npm", names)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda one: (npm if one[0] == "npm" else python)(one[1]), names)
        return dict(zip(names, answers, strict=True))


def _registries(named: str, folder: Path) -> Registries:
    return Registries({"": named}) if named else registries_of_npm(folder)


def _asker(
    where: Callable[[], T], ask: Callable[[T, str], Known], ecosystem: str, names: Sequence[tuple[str, str]]
) -> Callable[[str], Known | NoIndex]:
    """What asks about one name. Where is looked up once, and only if some package is of the ecosystem."""
    if not any(one == ecosystem for one, _ in names):
        return lambda name: NoIndex(f"nobody is asked about {name}")
    try:
        place = where()
    except NoIndex as error:
        missing = error
        return lambda _: missing

    def asked(name: str) -> Known | NoIndex:
        try:
            return ask(place, name)
        except NoIndex as error:
            return error

    return asked
