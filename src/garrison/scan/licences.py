"""Under which licences the dependencies are: as their lock or the project's environment says, judged by the policy.

Threat: code under terms that the project can't keep. Assumption: what a package declares is so (License-Expression of
PEP 639, else its classifiers, else a short License field). A package of another version than the lock's, or without a
declaration, is unknown: it is named, never taken as allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.parser import BytesHeaderParser
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .lockfiles import Dependency, plain

_CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause", "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0", "ISC License (ISCL)": "ISC",
    "The Unlicense (Unlicense)": "Unlicense",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only", "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "zlib/libpng License": "Zlib",
}  # fmt: skip
_WORDS: Final = {
    "mit": "MIT", "mit license": "MIT", "the mit license": "MIT", "apache 2.0": "Apache-2.0", "apache-2": "Apache-2.0",
    "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0", "bsd": "BSD-3-Clause",
    "apache software license": "Apache-2.0", "apache": "Apache-2.0", "bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause", "bsd 3-clause license": "BSD-3-Clause", "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC", "mpl 2.0": "MPL-2.0", "psf": "PSF-2.0", "zpl 2.1": "ZPL-2.1",
}  # fmt: skip
_TOKEN: Final = re.compile(r"\(|\)|[^\s()]+")
_ID: Final = re.compile(r"[A-Za-z0-9.+-]{2,60}")
LARGEST: Final = 1024 * 1024


def installed(environment: Path) -> dict[str, tuple[str, str]]:
    """Version and licence of each package in a virtual environment, by its plain name."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(environment.glob("lib/python3*/site-packages/*.dist-info/METADATA")):
        with path.open("rb") as file:
            said = BytesHeaderParser().parse(file)
        if said["Name"]:
            found[plain(said["Name"])] = (str(said["Version"]), _declared(said.get_all("Classifier", []), said))
    return found


def _declared(classifiers: Iterable[str], said: object) -> str:
    get = getattr(said, "get")  # noqa: B009  # an e-mail message
    if expression := str(get("License-Expression") or "").strip():
        return expression
    named = [_CLASSIFIERS.get(one.rpartition(" :: ")[2], "") for one in classifiers if one.startswith("License ::")]
    if found := sorted({one for one in named if one}):
        return " OR ".join(found) if len(found) > 1 else found[0]
    text = str(get("License") or "").strip()
    return _WORDS.get(text.lower(), text if _ID.fullmatch(text) and any(map(str.isdigit, text)) else "")


def with_licences(dependencies: Iterable[Dependency], environment: Path | None) -> list[tuple[Dependency, str]]:
    """Each dependency with its licence; empty where nobody says one for this very version."""
    known = installed(environment) if environment else {}
    found = []
    for one in dependencies:
        version, licence = known.get(one.name, ("", "")) if one.ecosystem == "PyPI" else ("", "")
        found.append((one, one.licence or (licence if version == one.version else "")))
    return found


def allowed(expression: str, patterns: Iterable[str]) -> bool:
    """Whether an SPDX expression can be met by licences that fit the patterns (`BSD-*`). OR needs one side, AND both.

    Raises ValueError for what is no expression.
    """
    tokens = _TOKEN.findall(expression)
    listed = tuple(patterns)

    def either() -> bool:
        met = both()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            met = both() or met  # both sides are read, whatever the first said
        return met

    def both() -> bool:
        met = single()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            met = single() and met
        return met

    def single() -> bool:
        if not tokens:
            raise ValueError(f"{expression!r} is no licence expression")
        word = tokens.pop(0)
        if word == "(":
            met = either()
            if not tokens or tokens.pop(0) != ")":
                raise ValueError(f"{expression!r} is no licence expression")
            return met
        if not _ID.fullmatch(word) or word.upper() in {"AND", "OR", "WITH"}:
            raise ValueError(f"{expression!r} is no licence expression")
        if tokens[:1] and tokens[0].upper() == "WITH":
            word = f"{word} WITH {''.join(tokens[1:2])}"
            del tokens[:2]
        return any(fnmatchcase(word, pattern) for pattern in listed)

    met = either()
    if tokens:
        raise ValueError(f"{expression!r} is no licence expression")
    return met
