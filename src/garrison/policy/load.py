"""Find and read the policy: explicit argument, then environment, then file, then preset.

Every problem is reported at once, each with its key, its place and, where a name was misspelt, the right one. Values
are never shown: they may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from .environ import PREFIX, RESERVED, read_environment, source_in
from .files import FILE_NAME, PROJECT_FILE, PolicyFileUnreadable, find_file, read_file
from .model import SECTIONS, Policy, RouteClass
from .places import find_lines
from .presets import PRESETS, UnknownPreset, merge, preset
from .problems import PolicyInvalid, Problem, problem, problems_of, unknown_section
from .reference import texts_in
from .source import Kind, Source, Sources, Stage, find_source, source_of, trace

__all__ = [
    "FILE_NAME",
    "RESERVED",
    "Loaded",
    "PolicyFileUnreadable",
    "PolicyInvalid",
    "Problem",
    "find_file",
    "find_policy",
    "load",
    "read_environment",
    "read_file",
]

_VARIABLE: Final = re.compile(r"(?<![A-Za-z0-9_-])env:([A-Za-z_][A-Za-z0-9_]{0,254})")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy; for each dotted key that somebody or a preset set, where its value came from; and the file, if any."""

    policy: Policy
    sources: Sources = field(default_factory=dict)
    file: Path | None = None

    def source(self, key: str) -> Source:
        """Where the value of a dotted key came from, defaults included."""
        return source_of(self.sources, key)


def find_policy(policy: Policy | str | Path | None, environ: Mapping[str, str]) -> Policy:
    """The effective policy for `harden`. See `load`."""
    return load(policy, environ).policy


def load(policy: Policy | str | Path | None, environ: Mapping[str, str], folder: Path | None = None) -> Loaded:
    """Read the policy. `policy` may be a Policy, a path, or None: then `folder` (the working directory) is searched.

    With a `Policy`, no file is read. Raises `PolicyInvalid`, `PolicyFileUnreadable`.
    """
    explicit: Mapping[str, Any] = {}
    values: Mapping[str, Any] = {}
    path, lines = None, {}
    if isinstance(policy, Policy):
        explicit = _given(policy)
    else:
        path = Path(policy) if policy is not None else find_file(environ, folder or Path())
    if path is not None:
        values, text = read_file(path)
        lines = find_lines(text, ("tool", "garrison") if path.name == PROJECT_FILE else ())
    from_env, names = read_environment(environ, _secret_variables(merge(values, explicit), environ))
    stages: list[Stage] = [
        (explicit, lambda key: Source(Kind.ARGUMENT)),
        (from_env, lambda key: source_in(names, key)),
        (values, lambda key: _in_file(path, lines, key)),
    ]
    return _validated(stages, path, lines)


def _given(policy: Policy) -> Mapping[str, Any]:
    """What was written into `Policy(...)`. A copy that was changed would lose its changes here, so it is refused."""
    if policy.route is not None or Policy.model_validate(dict(policy.given)) != policy:
        message = "this Policy was changed after it was made (model_copy, effective), and the change would be lost."
        raise PolicyInvalid(
            [Problem("policy", message, Source(Kind.ARGUMENT), "Make a new Policy(...) with the values you want.")]
        )
    return policy.given


def _secret_variables(values: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that a value refers to, wherever it stands, inside of the store's address too: they hold secrets
    and are no policy keys, whatever their names."""
    texts = [*texts_in(values), *(text for name, text in environ.items() if name.startswith(PREFIX))]
    return tuple(name for text in texts for name in _VARIABLE.findall(text))


def _in_file(path: Path | None, lines: Mapping[str, int], key: str) -> Source:
    while key not in lines and "." in key:
        key = key.rpartition(".")[0]
    return Source(Kind.FILE, path=path, line=lines.get(key))


def _validated(stages: list[Stage], path: Path | None, lines: Mapping[str, int]) -> Loaded:
    values: dict[str, Any] = {}
    for stage, _ in reversed(stages):
        values = merge(values, stage)
    sources = trace(values, stages)
    problems = [replace(found, source=_place(sources, path, lines, found.key)) for found in _wrong(values)]
    if problems:
        raise PolicyInvalid(problems)
    policy = Policy.model_validate(values)
    base = preset(policy.preset)
    stages = [*stages, (base.values, lambda key: Source(Kind.PRESET, base.pinned))]
    return Loaded(policy, trace(merge(base.values, values), stages), path)


def _wrong(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong with the values: an unknown preset does not hide the rest."""
    name = values.get("preset", "browser")
    if not isinstance(name, str) or name not in PRESETS:
        error = UnknownPreset(str(name))
        yield Problem("preset", error.message, fix=error.remedy)
        values = {key: value for key, value in values.items() if key != "preset"}
    try:
        policy = Policy.model_validate(values, context=values)
    except ValidationError as error:
        yield from problems_of(error)
        policy = Policy(routes=_sound_classes(values.get("routes")))
    for index, route in enumerate(policy.routes):
        yield from _wrong_in_class(policy, index, route)


def _sound_classes(raw: object) -> tuple[RouteClass, ...]:
    """The route classes that can be read at all, at their places, so that what is wrong inside them is told as well."""
    classes = []
    for one in raw if isinstance(raw, (list, tuple)) else ():
        try:
            classes.append(RouteClass.model_validate(one))
        except ValidationError:
            classes.append(RouteClass(name="unreadable", paths=("/",)))
    return tuple(classes)


def _wrong_in_class(policy: Policy, index: int, route: RouteClass) -> Iterator[Problem]:
    """A class is laid over the policy section by section, so that each wrong section is told."""
    for name, own in route.sections.items():
        if name not in SECTIONS:
            yield unknown_section(("routes", str(index), name))
            continue
        try:
            policy.effective(RouteClass(name=route.name, paths=route.paths, sections={name: own}))
        except ValidationError as error:
            for detail in error.errors():
                yield problem({**detail, "loc": ("routes", index, name, *detail["loc"])})


def _place(sources: Sources, path: Path | None, lines: Mapping[str, int], key: str) -> Source | None:
    """Where `key` stands, or what it belongs to; the file alone when it stands nowhere."""
    while key:
        if source := find_source(sources, key):
            return _in_file(path, lines, key) if source.kind is Kind.FILE else source
        if key in lines:
            return _in_file(path, lines, key)
        key = key.rpartition(".")[0]
    return Source(Kind.FILE, path=path) if path else None
