"""A schema as text: an example file with a comment for every key, and its documentation in Markdown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from inspect import getdoc
from itertools import groupby
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from .keys import Key
from .model import Config, Section

_TYPES: Final[Mapping[Any, str]] = {str: "text", bool: "true or false", int: "whole number", float: "number"}
_LISTS: Final = (tuple, list, set, frozenset)
_WIDTH: Final = 118


def example(schema: type[Config]) -> str:
    """A TOML file that has every key as a comment: taking the `#` away sets what holds anyway, or what is missing."""
    prefix = schema.model_config.get("env_prefix", "")
    lines = [
        *_comment(_doc(schema) or f"The configuration of {schema.__name__}."),
        *_comment(f"Variables ({prefix}…), mounted secrets and the command line go before this file."),
        *_comment("Tables named [environments.NAME] hold what differs there: [environments.staging.db]."),
    ]
    for section, keys in _sections(schema):
        lines.append("")
        if section:
            hint = f"Optional: take the # of [{section}] away as well." if keys[0].optional else ""
            lines += [*_comment(_doc(keys[0].section)), *_comment(hint)]
            lines.append(f"# [{section}]" if keys[0].optional else f"[{section}]")
        for key in keys:
            need = "required" if key.required else "required in its section" if key.info.is_required() else "optional"
            lines += ["", *_comment(key.about), *_comment(f"{kind_of(key)}, {need}; {key.variable(prefix)}")]
            lines.append(f"# {key.path[-1]} = {_example_value(key, prefix)}")
    return "\n".join(lines) + "\n"


def documentation(schema: type[Config]) -> str:
    """A Markdown page with a table for each section."""
    prefix = schema.model_config.get("env_prefix", "")
    lines = [f"# {schema.__name__}", "", _doc(schema) or "Configuration."]
    for section, keys in _sections(schema):
        lines += ["", f"## `[{section}]`" if section else "## Top level", ""]
        if section and (about := _doc(keys[0].section)):
            lines += [about, ""]
        if keys[0].optional:
            lines += [f"Optional: it holds when one of the keys of `[{keys[0].optional}]` is set.", ""]
        lines += ["| Key | Type | Default | Variable | What for |", "|---|---|---|---|---|"]
        for key in keys:
            required = "**required**" if key.required else "**required** in its section"
            default = required if key.info.is_required() else _default(key) or "none"
            cells = (f"`{key.name}`", kind_of(key), default, f"`{key.variable(prefix)}`", key.about)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def kind_of(key: Key) -> str:
    """What a key takes, in a few words."""
    if key.secret is not None:
        return {"key": "secret key", "link": "secret address"}.get(key.secret.kind, "secret")
    return _kind(key.info.annotation)


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_kind(one) for one in inner if one is not NoneType)
    if origin is Literal:
        return ", ".join(json.dumps(one) for one in inner)
    if origin in _LISTS or annotation in _LISTS:
        return "list"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(json.dumps(one.value) for one in annotation)
    if annotation in _TYPES:
        return _TYPES[annotation]
    return getattr(annotation, "__name__", "text").lower()


def _sections(schema: type[Config]) -> Iterator[tuple[str, Sequence[Key]]]:
    """Keys by the table they stand in, the top level first: TOML wants it so."""
    keys = sorted(schema.every_key(), key=lambda key: key.path[:-1])
    for section, some in groupby(keys, key=lambda key: ".".join(key.path[:-1])):
        yield section, list(some)


def _example_value(key: Key, prefix: str) -> str:
    if key.secret is not None:
        return json.dumps(f"env:{key.variable(prefix)}_VALUE")
    return _default(key) or '"…"'


def _default(key: Key) -> str:
    """The default in TOML; empty for none, for secrets, and for what TOML can't say on a line."""
    if key.secret is not None or key.default is None:
        return ""
    try:
        plain = to_jsonable_python(key.default)
    except PydanticSerializationError:
        return ""
    return "" if isinstance(plain, Mapping) else json.dumps(plain, ensure_ascii=False)


def _doc(model: type[BaseModel]) -> str:
    """The first paragraph of what the class says itself, on one line."""
    text = (getdoc(model) or "") if model.__dict__.get("__doc__") else ""
    return "" if model in (Section, Config) else " ".join(text.split("\n\n")[0].split())


def _comment(text: str) -> list[str]:
    """`text` as comment lines; nothing for nothing."""
    words = re.sub(r"[\x00-\x1f\x7f]", " ", text).split()
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"# {word}")
    return lines
