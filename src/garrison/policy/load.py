"""Find and read the policy: explicit argument, then environment, then file, then preset.

Every problem is reported at once, each with its key, its place and, where a name was misspelt, the right one. Values
are never shown: they may be secrets.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..core.errors import OperatorError
from .model import Policy, RouteClass
from .presets import merge, preset

FILE_NAME: Final = "garrison.toml"
PREFIX: Final = "GARRISON_"
RESERVED: Final = frozenset({"GARRISON_KEY", "GARRISON_POLICY", "GARRISON_DEVCA_DIR"})
"""Variables with the prefix that are no policy keys: the root key, the policy file's path, the development CA."""
_MAX_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy: `key` is dotted, `place` says where it stands, `fix` what to write instead."""

    key: str
    message: str
    place: str = ""
    fix: str = ""

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        fix = f" {self.fix}" if self.fix else ""
        return f"{self.key}{where}: {self.message}{fix}"


class PolicyInvalid(OperatorError):
    """The policy cannot be used. `problems` has one entry for each thing to mend."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The policy cannot be used:\n{lines}", remedy="", reference="docs/policy.md")
        self.problems = tuple(problems)


class PolicyFileUnreadable(OperatorError):
    """The policy file is missing, not UTF-8, not TOML, or too large."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy, and for each dotted key that somebody set, where its value came from."""

    policy: Policy
    sources: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


def find_policy(policy: Policy | str | Path | None, environ: Mapping[str, str]) -> Policy:
    """The effective policy for `harden`. See `load`."""
    return load(policy, environ).policy


def load(policy: Policy | str | Path | None, environ: Mapping[str, str], folder: Path | None = None) -> Loaded:
    """Read the policy. `policy` may be a Policy, a path, or None: then `folder` (the working directory) is searched.

    Raises `PolicyInvalid`, `PolicyFileUnreadable`.
    """
    from_env, env_sources = read_environment(environ)
    if isinstance(policy, Policy):
        explicit = policy.given
        sources = dict.fromkeys(_leaves(explicit), "argument")
        return _validated(merge(from_env, explicit), {**env_sources, **sources}, None, "")
    path = Path(policy) if policy is not None else find_file(environ, folder or Path.cwd())
    if path is None:
        return _validated(from_env, env_sources, None, "")
    values, text = read_file(path)
    sources = {key: _place(path, text, key.split(".")) for key in _leaves(values)}
    return _validated(merge(values, from_env), {**sources, **env_sources}, path, text)


def find_file(environ: Mapping[str, str], folder: Path) -> Path | None:
    """`GARRISON_POLICY`, else `garrison.toml`, else a pyproject.toml with `[tool.garrison]`, in `folder`."""
    if named := environ.get("GARRISON_POLICY"):
        return Path(named)
    if (own := folder / FILE_NAME).is_file():
        return own
    project = folder / "pyproject.toml"
    if project.is_file() and "tool.garrison" in project.read_text("utf-8", errors="replace"):
        return project
    return None


def read_file(path: Path) -> tuple[dict[str, Any], str]:
    """The raw values of a policy file and its text. Raises `PolicyFileUnreadable`."""
    try:
        if path.stat().st_size > _MAX_FILE:
            raise PolicyFileUnreadable(f"{path} is larger than 1 MB.", remedy="A policy file is a page or two.")
        text = path.read_text("utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise PolicyFileUnreadable(
            f"There is no policy file {path}.", remedy="Write one with `garrison init`."
        ) from None
    except OSError as error:
        raise PolicyFileUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise PolicyFileUnreadable(f"{path} is not UTF-8.", remedy="Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyFileUnreadable(f"{path} is not valid TOML: {error}.") from None
    if path.name == "pyproject.toml":
        values = values.get("tool", {}).get("garrison", {})
    return values, text


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Policy values from `GARRISON_*`: `GARRISON_HOSTS=a,b`, `GARRISON_CSP__REPORT=false`. And their sources."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        _insert(values, path, _parse_text(path, text))
        sources[".".join(path)] = f"environment {name}"
    return values, sources


def _parse_text(path: Sequence[str], text: str) -> Any:
    """A value as the environment writes it: JSON where it begins like JSON, a comma list where a list is due."""
    if text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    annotation = _annotation(Policy, path)
    if "tuple" in annotation:
        return [part.strip() for part in text.split(",") if part.strip()]
    return int(text) if text.isdecimal() else text


def _annotation(model: type[BaseModel], path: Sequence[str]) -> str:
    owner = _model_at(model, path[:-1])
    info = owner.model_fields.get(path[-1]) if owner else None
    return str(info.annotation) if info else ""


def _insert(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        below = values.setdefault(part, {})
        if not isinstance(below, dict):
            return
        values = below
    values[path[-1]] = value


def _validated(values: Mapping[str, Any], sources: Mapping[str, str], file: Path | None, text: str) -> Loaded:
    problems: list[Problem] = []
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        raise PolicyInvalid([_problem(detail, sources, file, text) for detail in error.errors()]) from None
    for index, route in enumerate(policy.routes):
        try:
            policy.effective(route)
        except ValidationError as error:
            for detail in error.errors():
                at = {**detail, "loc": ("routes", index, error.title, *detail["loc"])}
                problems.append(_problem(at, sources, file, text, in_route=True))  # type: ignore[arg-type]
    if problems:
        raise PolicyInvalid(problems)
    base = preset(policy.preset)
    from_preset = dict.fromkeys(_leaves(base.values), f"preset {base.pinned}")
    return Loaded(policy, {**from_preset, **sources}, file)


def _problem(
    detail: ErrorDetails, sources: Mapping[str, str], file: Path | None, text: str, *, in_route: bool = False
) -> Problem:
    loc = [str(part) for part in detail["loc"]]
    if in_route:
        loc[2] = loc[2].removesuffix("Section").lower()
    key = ".".join(loc)
    fix = _suggest(loc) if detail["type"] == "extra_forbidden" else ""
    message = "unknown key." if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
    place = sources.get(key) or (_place(file, text, loc) if file else "")
    return Problem(key, message, place, fix)


def _suggest(loc: Sequence[str]) -> str:
    owner = _model_at(Policy, [part for part in loc[:-1] if not part.isdecimal()])
    known = list(owner.model_fields) if owner else []
    if owner is RouteClass:
        known += Policy.SECTIONS
    near = difflib.get_close_matches(loc[-1], known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(sorted(known))}."


def _model_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """The model found by walking field names; None when the path leaves the models."""
    if path and path[0] == "routes":
        if len(path) == 1:
            return RouteClass
        return _model_at(Policy, path[1:])
    for name in path:
        info = model.model_fields.get(name)
        inner = info.annotation if info else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return model


def _leaves(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _leaves(value, f"{prefix}{key}.")
        found.append(f"{prefix}{key}")
    return found


def _place(file: Path, text: str, loc: Sequence[str]) -> str:
    line = find_line(text, loc)
    return f"{file}:{line}" if line else str(file)


def find_line(text: str, loc: Sequence[str]) -> int | None:
    """The line where the key stands, as good as a text search can tell: TOML parsers do not say."""
    names = [part for part in loc if not part.isdecimal()]
    section, wanted, best = "", names[-1], None
    parents = names[:-1]
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            section = header[1].removeprefix("tool.garrison").strip(".")
            if section.split(".") == names:
                return number
            continue
        if re.match(rf'\s*"?{re.escape(wanted)}"?\s*[=.]', line):
            if section.split(".") == parents or (not section and not parents):
                return number
            best = best or number
    return best
