"""What a finding in Python holds on to: the statement it is in, without everything that doesn't matter.

Lines move, formatters re-wrap and change quotes, names of variables get better: the anchor stays. It is the statement's
tree written out anew, names that the function binds itself replaced by their order in it. What is called stays.
Lets pass: a statement that says something else is another one; like statements are told apart by their order.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

from .source_files import parse

_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Anchors:
    """The statements of a file by their lines."""

    spans: tuple[tuple[int, int, ast.stmt, frozenset[str]], ...]

    def at(self, line: int) -> str:
        """The anchor of the innermost statement on that line; empty where there is none."""
        fits = [one for one in self.spans if one[0] <= line <= one[1]]
        if not fits:
            return ""
        _, _, statement, bound = min(fits, key=lambda one: one[1] - one[0])
        return _written(statement, bound)

    def starts(self, line: int) -> int:
        """The first line of the innermost statement on that line; the line itself where there is none."""
        fits = [one for one in self.spans if one[0] <= line <= one[1]]
        return min(fits, key=lambda one: one[1] - one[0])[0] if fits else line


def anchors_of(tree: ast.Module) -> Anchors:
    """The anchors of a parsed file."""
    spans: list[tuple[int, int, ast.stmt, frozenset[str]]] = []

    def visit(node: ast.AST, bound: frozenset[str]) -> None:
        for child in ast.iter_child_nodes(node):
            inner = bound
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = frozenset(_bound(child))
            if isinstance(child, ast.stmt):
                last = child.end_lineno or child.lineno
                if isinstance(child, (*_COMPOUND, *_SCOPES)):
                    last = _head_ends(child)
                first = min([child.lineno, *(one.lineno for one in getattr(child, "decorator_list", ()))])
                spans.append((first, last, child, inner))
            visit(child, inner)

    visit(tree, frozenset())
    return Anchors(tuple(spans))


def _head_ends(node: ast.stmt) -> int:
    if isinstance(node, ast.Match):
        return node.subject.end_lineno or node.lineno
    body: list[ast.stmt] = getattr(node, "body", [])
    return max(node.lineno, body[0].lineno - 1) if body else node.lineno


def anchors_in(text: str) -> Anchors:
    """The anchors of a source; none for what is not Python."""
    try:
        return anchors_of(parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return Anchors(())


def _bound(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    names = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    return names | {
        one.id for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }


class _Plain(ast.NodeTransformer):
    def __init__(self, bound: frozenset[str]) -> None:
        self.bound = bound
        self.order: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.bound:
            node.id = self.order.setdefault(node.id, f"_{len(self.order)}")
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        self.generic_visit(node)
        node.arg = self.order.setdefault(node.arg, f"_{len(self.order)}")
        return node


def _written(statement: ast.stmt, bound: frozenset[str]) -> str:
    """The statement's own head: bodies are statements of their own."""
    own = copy.deepcopy(statement)
    if isinstance(own, (*_COMPOUND, *_SCOPES)):
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            if hasattr(own, name):
                setattr(own, name, [])
        if isinstance(own, ast.Match):
            return f"match {ast.unparse(_Plain(bound).visit(own.subject))}"
        if isinstance(own, ast.Try):
            return "try"
        own.body = [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(_Plain(bound).visit(own)))
