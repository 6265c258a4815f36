"""How bad a finding is in this project: does a request reach it, is the dependency part of what is shipped?

Threat: the dangerous call that a scanner thinks harmless because it can't see who calls it. So what depends on who
reaches it gets one step worse when an endpoint does. Nothing gets better because no way was found: names tell much, not
everything. Only what the lock file calls "for development" loses a step.
Lets pass: ways through attributes of objects, decorators that register elsewhere, and `import *`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from ..findings.record import Finding
from ..findings.severity import Severity
from .code_module import Function, Module
from .project import Project
from .source_files import parse, read

_BY_WHO_REACHES: Final = frozenset({22, 77, 78, 88, 89, 94, 95, 502, 611, 918, 943, 1336})
"""Weaknesses that a request turns from bad style into a hole. The others are as bad as they are."""
_REGISTERS: Final = frozenset(
    {"add_api_route", "add_route", "add_websocket_route", "add_api_websocket_route", "add_url_rule", "Route",
     "WebSocketRoute", "APIRoute", "path", "re_path"}
)  # fmt: skip
Place = tuple[str, str]
"""A function: its file and its name, `Class.method` for methods."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which functions of a project an endpoint reaches: by which, for each; and where each function stands."""

    by: Mapping[Place, str]
    spans: Mapping[str, tuple[tuple[int, int, str], ...]]

    def endpoint(self, path: str, line: int) -> str:
        """The endpoint that reaches the function around a line; empty where none is known."""
        around = [one for one in self.spans.get(path, ()) if one[0] <= line <= one[1]]
        names = [name for _, _, name in sorted(around, key=lambda one: one[1] - one[0])]
        return next((self.by[path, name] for name in names if (path, name) in self.by), "")


def exposure_of(project: Project) -> Exposure:
    """Read every Python file of the project. What can't be parsed is left out; the code scan names it."""
    files = {path: module for path in project.python if (module := _module(project, path)) is not None}
    functions = {path: dict(_functions(module.tree)) for path, module in files.items()}
    names = _Names(files)
    by: dict[Place, str] = {}
    waiting: list[tuple[Place, str]] = []
    for path, module in files.items():
        waiting += [((path, name), f"{name} ({path})") for name in _entries(module, functions[path])]
    while waiting:
        place, endpoint = waiting.pop()
        path, name = place
        if place in by or name not in functions[path]:
            continue
        by[place] = endpoint
        waiting += [(one, endpoint) for one in names.used_by(path, name, functions[path][name])]
    spans = {
        path: tuple((one.lineno, one.end_lineno or one.lineno, name) for name, one in several.items())
        for path, several in functions.items()
    }
    return Exposure(by, spans)


def in_context(findings: Iterable[Finding], project: Project) -> list[Finding]:
    """The findings with what the project says about them, and their severity for it."""
    every = list(findings)
    python = frozenset(project.python)
    if not any(_asks(one, python) for one in every):
        return every
    exposure = exposure_of(project)
    return [_reached(one, exposure) if _asks(one, python) else one for one in every]


def lowered(severity: Severity) -> Severity:
    """One step better, never below low."""
    return {Severity.CRITICAL: Severity.HIGH, Severity.HIGH: Severity.MEDIUM}.get(severity, min(severity, Severity.LOW))


def _asks(one: Finding, python: frozenset[str]) -> bool:
    where = one.location
    return bool(where and where.line and where.path in python and _BY_WHO_REACHES & set(one.cwe))


def _reached(one: Finding, exposure: Exposure) -> Finding:
    where = one.location
    endpoint = exposure.endpoint(where.path, where.line) if where and where.line else ""
    if not endpoint:
        return replace(one, context=(*one.context, "no way from an endpoint is known"))
    worse = Severity.HIGH if one.severity is Severity.MEDIUM else one.severity
    return replace(one, severity=worse, context=(*one.context, f"reached by {endpoint}"))


def _module(project: Project, path: str) -> Module | None:
    try:
        return Module.of(parse(read(project.root / path)))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _dotted(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function):
                    yield f"{node.name}.{inner.name}", inner


def _entries(module: Module, functions: Mapping[str, Function]) -> Iterator[str]:
    """Functions that answer requests: by their decorator, or named where a route is made."""
    endpoints = {id(one) for one in module.endpoints()}
    yield from (name for name, one in functions.items() if id(one) in endpoints)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and module.dotted(node.func).rpartition(".")[2] in _REGISTERS:
            given = [*node.args, *(one.value for one in node.keywords)]
            yield from (one.id for one in given if isinstance(one, ast.Name) and one.id in functions)


class _Names:
    """What the names in a function stand for, in its own file and in others."""

    def __init__(self, files: Mapping[str, Module]) -> None:
        self._files = files
        self._imports: dict[str, dict[str, str]] = {}
        self._modules: dict[str, list[tuple[str, str]]] = {}
        for path in files:
            dotted = _dotted(path)
            self._modules.setdefault(dotted.rpartition(".")[2], []).append((dotted, path))

    def used_by(self, path: str, name: str, function: Function) -> Iterator[Place]:
        """Everything of the project that a function names: calls it, or hands it on to be called."""
        owner = name.rpartition(".")[0]
        imports = self._imported(path)
        for node in ast.walk(function):
            match node:
                case ast.Name(id=used, ctx=ast.Load()):
                    yield path, used
                    yield path, f"{used}.__init__"
                    yield from self._elsewhere(imports.get(used, ""))
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attr) if owner:
                    yield path, f"{owner}.{attr}"
                case ast.Attribute(value=ast.Name(id=first), attr=attr):
                    yield path, f"{first}.{attr}"
                    yield from self._elsewhere(f"{imports[first]}.{attr}" if first in imports else "")

    def _imported(self, path: str) -> dict[str, str]:
        if path not in self._imports:
            module = self._files[path]
            self._imports[path] = {**module.names, **_relative(path, module.tree)}
        return self._imports[path]

    def _elsewhere(self, dotted: str) -> Iterator[Place]:
        """A dotted name as a function of another file: the file may lie below a source folder (`src/`)."""
        module, _, name = dotted.rpartition(".")
        for known, path in self._modules.get(module.rpartition(".")[2], ()) if module else ():
            if known == module or known.endswith(f".{module}"):
                yield path, name
                yield path, f"{name}.__init__"


def _relative(path: str, tree: ast.Module) -> dict[str, str]:
    """Names of `from .x import y`, dotted from the project's root."""
    here = list(PurePosixPath(path).parent.parts)
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {one.asname or one.name: f"{source}.{one.name}" for one in node.names}
    return found
