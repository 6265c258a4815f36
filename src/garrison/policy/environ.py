"""Policy values from environment variables: `GARRISON_HOSTS=a,b`, `GARRISON_CSP__REPORT=false`.

A variable is read as what its key wants: a list is separated by commas or is JSON, a table is JSON, a text stays as it
is. An unknown variable is refused like an unknown key in the file: a misspelt one would silently do nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from types import UnionType
from typing import Any, Final, Union, get_origin

from pydantic import BaseModel

from .files import VARIABLE
from .model import Policy
from .problems import PolicyInvalid, Problem
from .source import Kind, Source

PREFIX: Final = "GARRISON_"
RESERVED: Final = frozenset(
    {"GARRISON_KEY", VARIABLE, "GARRISON_DEVCA_DIR", "GARRISON_TOOLS", "GARRISON_ADVISORIES", "GARRISON_TREND"}
)
"""Variables with the prefix that are no policy keys: root key, path of the policy, development CA, and where
the scan has its tools, advisories and earlier scans."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?P<fraction>\.[0-9]+)?")
_BETWEEN = re.compile(r",(?!\s*burst\b)")
"""Between the entries of a list; a rate may hold a comma of its own: `300/minute, burst 50`."""


def read_environment(environ: Mapping[str, str], spare: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """Policy values, and the dotted key that each variable sets, without the names in `spare`.

    Raises `PolicyInvalid` when one variable sets a part of what another sets as a whole.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    clashes = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in RESERVED or name in spare:
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        if _insert(values, path, parse_text(path, text)):
            names[".".join(path)] = name
        else:
            clashes.append(Problem(".".join(path), "another variable sets all of it.", Source(Kind.ENVIRONMENT, name)))
    if clashes:
        raise PolicyInvalid(clashes)
    return values, names


def source_in(names: Mapping[str, str], key: str) -> Source:
    """The variable that set `key` or the table it stands in."""
    while key not in names and "." in key:
        key = key.rpartition(".")[0]
    return Source(Kind.ENVIRONMENT, names.get(key, ""))


def parse_text(path: Sequence[str], text: str) -> Any:
    """The value of one variable, as the key at `path` wants it. What does not fit is left for validation to refuse."""
    wanted = _annotation(path)
    if wanted is tuple:
        if text.lstrip().startswith("["):
            return _json(text)
        return [part.strip() for part in _BETWEEN.split(text) if part.strip()]
    if wanted in (int, float) and (number := _NUMBER.fullmatch(text.strip())):
        return float(text) if number["fraction"] else int(text)
    if wanted is None and (text.lstrip()[:1] in {"[", "{"} or text.strip() == "null"):
        return _json(text)
    return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _annotation(path: Sequence[str]) -> type | None:
    """The plain type of the key; None for tables, unions, and keys that do not exist."""
    model: type[BaseModel] = Policy
    for place, part in enumerate(path):
        info = model.model_fields.get(part)
        if info is None:
            return None
        annotation = info.annotation
        if place == len(path) - 1:
            return _plain(annotation)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return None
        model = annotation
    return None


def _plain(annotation: object) -> type | None:
    """Enumerations, literals and rates are written as text; tables and unions as JSON."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Mapping):
        return None
    plain = origin or annotation
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return None
    return next((known for known in (tuple, int, float) if plain is known), str)


def _insert(values: dict[str, Any], path: Sequence[str], value: Any) -> bool:
    for part in path[:-1]:
        below = values.setdefault(part, {})
        if not isinstance(below, dict):
            return False
        values = below
    if path[-1] in values:
        return False
    values[path[-1]] = value
    return True
