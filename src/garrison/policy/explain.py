"""The effective policy, key by key: its value, where it came from, what it is for, and where to read more.

What a key is for stands in the docstrings of the models, and is read from their source when somebody asks.
Secrets are references in a policy; what could still hold one (`key`, the user part of `store`) is masked.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from ..core.errors import OperatorError
from .load import Loaded
from .model import SECTIONS, Policy, RouteClass
from .reference import is_reference
from .source import Source
from .units import parse_duration, parse_size

_UNITS: Final = {parse_duration: "seconds", parse_size: "bytes"}
_STANDARD = re.compile(r"\(((?:RFC|OWASP|Fetch)[^()]*)\)|(Content-Security-Policy Level 3)")
_MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key. `unit` is "seconds", "bytes" or empty; `section` says what the key's section is for."""

    key: str
    value: Any
    source: Source
    unit: str
    meaning: str
    section: str
    reference: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        source = self.source
        return {
            "key": self.key, "value": self.value, "unit": self.unit, "meaning": self.meaning,
            "section": self.section, "reference": self.reference,
            "source": {"kind": str(source.kind), "name": source.name,
                       "path": str(source.path) if source.path else None, "line": source.line},
        }  # fmt: skip


class UnknownKey(OperatorError):
    """There is no such policy key. `key` is what was asked for."""

    def __init__(self, key: str, known: list[str]) -> None:
        by_end = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
        near = by_end or difflib.get_close_matches(key, known, n=3)
        hint = f"Did you mean {' or '.join(map(repr, near[:3]))}?" if near else "`garrison explain` lists all keys."
        super().__init__(f"The policy has no key {key!r}.", remedy=hint)
        self.key = key


class UnknownRoute(OperatorError):
    """There is no such route class. `name` is what was asked for."""

    def __init__(self, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        there = f"There are: {', '.join(known)}." if known else "The policy has no [[routes]]."
        super().__init__(f"There is no route class {name!r}.", remedy=f"Did you mean {near[0]!r}?" if near else there)
        self.name = name


def explain(loaded: Loaded, route: str = "") -> list[Entry]:
    """Every key of the policy, or of the policy as it holds for the route class `route`. Raises `UnknownRoute`."""
    prefix, policy = "", loaded.policy
    if route:
        names = [one.name for one in policy.routes]
        if route not in names:
            raise UnknownRoute(route, names)
        prefix, policy = f"routes.{names.index(route)}.", policy.effective(policy.routes[names.index(route)])
    entries = [_entry(key, value, info, loaded.source(prefix + key)) for key, value, info in _walk(policy)]
    return entries if route else entries + list(_classes(loaded))


def select(entries: list[Entry], key: str) -> list[Entry]:
    """The entry of `key`, or all below it when it is a section. Raises `UnknownKey`."""
    found = [entry for entry in entries if entry.key == key or entry.key.startswith(f"{key}.")]
    if not found:
        raise UnknownKey(key, sorted({entry.key for entry in entries} | set(SECTIONS)))
    return found


def _walk(holder: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, FieldInfo]]:
    """Key, value and field; tables (models and mappings) are walked down."""
    for name, info in type(holder).model_fields.items():
        value, key = getattr(holder, name), f"{prefix}{name}"
        if key == "routes":
            continue
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{key}.")
        elif isinstance(value, Mapping) and value:
            yield from ((f"{key}.{part}", inner, info) for part, inner in value.items())
        else:
            yield key, value, info


def _classes(loaded: Loaded) -> Iterator[Entry]:
    for index, route in enumerate(loaded.policy.routes):
        own = [(name, getattr(route, name)) for name in ("name", "paths", "methods", "health")]
        own += [(f"{section}.{key}", value) for section, keys in route.sections.items() for key, value in keys.items()]
        for name, value in own:
            key = f"routes.{index}.{name}"
            yield _entry(key, value, RouteClass.model_fields.get(name), loaded.source(key))


def _entry(key: str, value: Any, info: FieldInfo | None, source: Source) -> Entry:
    parts = [part for part in key.split(".") if not part.isdecimal()]
    parts = parts[1:] if parts[0] == "routes" and len(parts) > 2 else parts
    section = meaning_of(parts[:1]) if len(parts) > 1 else ""
    about = meaning_of(parts)
    return Entry(
        key, _plain(key, value), source, _unit(info), about, section, _reference(parts[0], f"{section} {about}")
    )


def _unit(info: FieldInfo | None) -> str:
    parsers = [mark.func for mark in (info.metadata if info else ()) if isinstance(mark, BeforeValidator)]
    return next((unit for parse, unit in _UNITS.items() if parse in parsers), "")


def _plain(key: str, value: Any) -> Any:
    if key == "key" and value and not is_reference(str(value)):
        return _MASK
    if key == "store":
        return re.sub(r"//[^/@]*@", f"//{_MASK}@", str(value))
    if isinstance(value, Mapping):
        return {name: _plain("", inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain("", inner) for inner in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def _reference(section: str, text: str) -> str:
    page = f"docs/layers/{section}.md" if section in SECTIONS else "docs/policy.md"
    standards = dict.fromkeys(a or b for a, b in _STANDARD.findall(text))
    return "; ".join([*standards, page])


def meaning_of(parts: list[str]) -> str:
    """What the key at `parts` is for: its docstring, or that of the section it names. Empty for keys of a mapping."""
    owner: type[BaseModel] = Policy
    said = _documented(RouteClass).get(parts[-1], "") if parts[0] == "routes" else ""
    for part in parts if not said else ():
        said = _documented(owner).get(part, "")
        info = owner.model_fields.get(part)
        inner = _one(info.annotation) if info else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        owner = inner
        said = said or inspect.cleandoc(inner.__doc__ or "")
        if part == parts[-1]:
            said = inspect.cleandoc(inner.__doc__ or "")
    return " ".join(said.split())


def _one(annotation: object) -> object:
    """What a tuple of many holds, or what may be None; anything else is itself."""
    arguments = get_args(annotation)
    return arguments[0] if arguments[1:] in ((...,), (type(None),)) else annotation


@cache
def _documented(owner: type[BaseModel]) -> dict[str, str]:
    """Field to docstring, for `owner` and what it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        found |= _by_class(base.__module__).get(base.__name__, {})
    return found


@cache
def _by_class(module: str) -> dict[str, dict[str, str]]:
    """The strings that stand below the fields in the source of a module; nothing where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):  # TypeError: a module that is built in
        return {}
    return {node.name: dict(_below(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in zip(node.body, node.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text
