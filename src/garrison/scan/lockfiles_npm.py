"""npm's lock files (package-lock.json and npm-shrinkwrap.json, lockfileVersion 2 and 3; 1 is named as too old).

Its integrity hashes (Subresource Integrity, base64) are given in hex, like those of other locks.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from .lockfiles import Dependency


def npm_lock(path: str, text: str) -> Iterator[Dependency]:
    """The packages of a lock. Raises ValueError for one that is none or of version 1."""
    data = json.loads(text)
    if not isinstance(data.get("packages"), dict):
        raise ValueError(f"{path} has no packages: npm 7 or newer writes them")  # noqa: TRY004  # the file is wrong
    for place, one in data["packages"].items():
        name = one.get("name") or place.rpartition("node_modules/")[2]
        if "node_modules/" not in place or one.get("link"):
            continue  # the project itself, and folders of it
        yield Dependency(
            name, str(one.get("version", "")), path, _line(text, place), "npm",
            hashes=tuple(_hex(mark) for mark in str(one.get("integrity", "")).split()),
            needs=tuple(sorted({*one.get("dependencies", {}), *one.get("optionalDependencies", {})})),
            dev=bool(one.get("dev") or one.get("devOptional")),
            scripts=bool(one.get("hasInstallScript")),
            licence=_licence(one.get("license")),
            elsewhere=not _of_registry(str(one.get("resolved") or "")),
        )  # fmt: skip


def _line(text: str, place: str) -> int:
    at = text.find(f"{json.dumps(place)}:")
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _of_registry(resolved: str) -> bool:
    """Registries have `/-/` or `/download/` in the address of a package; npm may be told not to write it at all."""
    return not resolved or (resolved.startswith("http") and ("/-/" in resolved or "/download/" in resolved))


def _hex(mark: str) -> str:
    kind, _, value = mark.partition("-")
    try:
        return f"{kind}:{base64.b64decode(value, validate=True).hex()}"
    except binascii.Error:
        raise ValueError(f"{mark[:20]!r} is no integrity hash") from None


def _licence(given: Any) -> str:
    return given if isinstance(given, str) else ""
