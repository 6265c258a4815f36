"""What is wrong in files that are no Python: requirements and Dockerfiles (G3xx)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from ..findings.record import Finding, Location
from .code_rules import Hole

_INDEX: Final = re.compile(r"^\s*(?:--extra-index-url\b|--trusted-host\b|(?:--index-url|-i)[ =]http://)", re.IGNORECASE)
_PIPED: Final = re.compile(r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|\bADD\s+http://", re.IGNORECASE)


def kind_of(path: str) -> str:
    """`requirements`, `dockerfile`, or empty for what these rules don't read."""
    name = PurePosixPath(path).name.lower()
    if name.endswith((".txt", ".in")) and ("requirements" in name or "constraints" in name):
        return "requirements"
    if name in {"dockerfile", "containerfile"} or name.startswith("dockerfile.") or name.endswith(".dockerfile"):
        return "dockerfile"
    return ""


def other_files(path: str, text: str) -> Iterator[Finding]:
    """What is wrong in one such file."""
    kind = kind_of(path)
    pattern, hole = (_INDEX, Hole.INDEX) if kind == "requirements" else (_PIPED, Hole.PIPED)
    if not kind:
        return
    for number, line in enumerate(text.replace("\\\n", "  ").splitlines(), start=1):
        if pattern.search(line) and not line.lstrip().startswith("#"):
            found = hole.found(f"{line.strip()[:80]}", Location(path=path, line=number))
            yield replace(found, snippet=line)
