"""What a virtual environment says about its packages: where their changes are told, and which modules they bring."""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from ..findings.inert import is_web_url
from .lockfiles import plain

_CHANGES: Final = re.compile(r"^(?:changelog|changes|releasenotes|history|whatsnew|news)$")


def changelogs(environment: Path) -> dict[str, str]:
    """For each package the address of its changelog, by the well-known labels of project URLs."""
    found: dict[str, str] = {}
    for path in sorted(environment.glob("lib/python3*/site-packages/*.dist-info/METADATA")):
        with path.open("rb") as file:
            said = BytesHeaderParser().parse(file)
        for line in said.get_all("Project-URL", []):
            label, _, url = str(line).partition(",")
            if _CHANGES.match(re.sub(r"[^a-z]", "", label.lower())) and is_web_url(url.strip()):
                found[plain(str(said["Name"]))] = url.strip()
    return found


def modules(environment: Path) -> dict[str, set[str]]:
    """For each package the top-level modules that it installs: `pyjwt` brings `jwt`."""
    found: dict[str, set[str]] = {}
    for path in sorted(environment.glob("lib/python3*/site-packages/*.dist-info/RECORD")):
        name = plain(path.parent.name.rsplit("-", 1)[0].removesuffix(".dist-info"))
        heads = {line.partition(",")[0] for line in path.read_text(encoding="utf-8", errors="replace").splitlines()}
        tops = {one.partition("/")[0] for one in heads if one.endswith((".py", ".so", ".pyi")) and ".." not in one}
        found[plain(name)] = {one.partition(".")[0] for one in tops if ".dist-info" not in one}
    return found
