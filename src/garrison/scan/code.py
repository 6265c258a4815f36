"""The built-in code scan: the rules that always run, without another tool.

Threat: the hole a reviewer overlooks. Reads text and runs nothing of the project. Assumption: what is wrong shows in
one file. Lets pass what the modules of its rules name: `code_flow`, `code_calls`, `code_shapes`, `code_files`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..findings.record import Finding, Location
from .anchors import Anchors, anchors_in, anchors_of
from .code_calls import calls
from .code_files import other_files
from .code_flow import follow
from .code_module import Module
from .code_rules import TOOL, Hole
from .code_shapes import shapes
from .source_files import parse
from .source_sql import find_built_sql

_SHADOWS = {
    Hole.LOADS: Hole.DESERIALISE, Hole.SHELL: Hole.COMMAND, Hole.EVAL: Hole.CODE,
}  # fmt: skip
"""Weaker words for the same call: silent where the stronger rule speaks."""


def examine_code(path: str, text: str) -> list[Finding]:
    """What is wrong in one file of the project: `path` relative to its root, `text` as decoded.

    Raises SyntaxError, ValueError or RecursionError for Python that can't be parsed.
    """
    if not path.endswith((".py", ".pyi")):
        return list(other_files(path, text))
    tree = parse(text)
    module = Module.of(tree)
    hits = [*follow(module), *calls(module), *shapes(module)]
    if path == "setup.py":
        hits = [one for one in hits if one[0] is not Hole.EVAL]  # it runs its own project's text, and nothing else's
    loud = {(hole, _line(node)) for hole, node, _ in hits}
    anchors = anchors_of(tree) if hits else Anchors(())
    found: list[Finding] = []
    seen: set[tuple[Hole, int]] = set()
    for hole, node, message in hits:
        line = _line(node)
        if (hole, line) in seen or (_SHADOWS.get(hole), line) in loud:
            continue
        seen.add((hole, line))
        where = Location(path=path, line=line, column=getattr(node, "col_offset", 0) + 1)
        found.append(replace(hole.found(message, where), snippet=anchors.at(line)))
    return [*found, *_built_sql(path, text, {_line(node) for hole, node, _ in hits if hole is Hole.SQL})]


def _built_sql(path: str, text: str, told: set[int]) -> Iterator[Finding]:
    for one in find_built_sql(Path(path), text):
        where = one.location
        if where is None or where.line in told:
            continue
        place = Location(path=path, line=where.line, column=where.column)
        yield replace(
            one, location=place, source=TOOL,
            snippet=anchors_in(text).at(where.line) if where.line else "",
        )  # fmt: skip


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))
