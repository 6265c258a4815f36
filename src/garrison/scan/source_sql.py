"""SQL that is put together from text, anywhere in the application's own source.

Threat: a value in the text of a query is code there (CWE-89). Looked for: a call that runs a query (`execute`, `text`,
`fetch`, `read_sql` …) whose text begins like SQL and holds parts that this function did not write itself.

Silent where the parts are constants, numbers, bind markers, pieces of constants joined in the same function, or what a
function for quoting gave. A part that is called like a name of the schema (`table`, `column`, `order`), or is a setting
of the object, is low: it can't be bound, and often comes from a list. Lets pass: text another function put together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..findings.record import Finding
from ..findings.severity import Confidence, Severity
from .routes_catalogue import Rule, at
from .source_files import parse

_RUNS: Final = frozenset(
    {"execute", "executemany", "executescript", "fetch", "fetchrow", "fetchval", "fetchall", "fetchone", "fetch_all",
     "fetch_one", "fetch_val", "exec_driver_sql", "text", "read_sql", "read_sql_query", "raw", "raw_sql", "query"}
)  # fmt: skip
_SQL: Final = re.compile(
    r"\s*(?:SELECT\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s|DELETE\s+FROM\s|CREATE\s|DROP\s|ALTER\s|TRUNCATE\s|WITH\s+\w+"
    r"|PRAGMA\s|REPLACE\s+INTO\s|GRANT\s|VACUUM\s|COPY\s|EXPLAIN\s|ATTACH\s|CALL\s|SET\s+\w+\s*=)",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(
    r"table|column|(?:^|_)cols?(?:$|_)|field|schema|index|database|(?:^|_)db(?:$|_)|view|clause|where|condition|filter"
    r"|order|sort|direction|placeholder|marks|params?$|query|sql|stmt|statement|join|select|(?:^|_)keys?$|interval|type",
    re.IGNORECASE,
)
_SETTINGS: Final = re.compile(r"(?:self|cls|settings|config|cfg)\.[\w.]+$")
_QUOTES: Final = re.compile(r"quote|qualif|ident|escape|literal|int$|len$|placeholder|bind", re.IGNORECASE)
_MARKS: Final = re.compile(r"[\s?,%s():$\d]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_built_sql(path: Path, text: str) -> Iterator[Finding]:
    """R011 for one source file. Raises SyntaxError for what is not Python."""
    tree = parse(text)
    constants = {name for node in tree.body for name in _constant_names(node)}
    functions = [one for one in ast.walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
    seen: set[ast.Call] = set()
    for function in reversed(functions):  # inner functions come later: they are looked at first, with their own names
        local = _Scope(function, constants)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and node not in seen:
                seen.add(node)
                if parts := local.parts_of(node):
                    yield _finding(path, node, function, parts)


def _finding(path: Path, node: ast.Call, function: Function, parts: list[str]) -> Finding:
    shown = ", ".join(f"`{one}`" for one in dict.fromkeys(parts))
    named = all(_NAMES.search(one) or _SETTINGS.match(one) for one in parts)
    return Rule.SQL.found(
        f"{shown} {'is' if len(set(parts)) == 1 else 'are'} part of the text of a query.",
        at(path, node.lineno, function.name),
        severity=Severity.LOW if named else Severity.MEDIUM,
        confidence=Confidence.LOW if named else Confidence.MEDIUM,
        snippet=",".join(parts),
    )


def _constant_names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from (
                one.id for one in targets if isinstance(one, ast.Name) and (_is_constant(value) or one.id.isupper())
            )
        case ast.ImportFrom(names=names):
            yield from (name for one in names if (name := one.asname or one.name).isupper())
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
            _is_constant(value) or name.isupper()
        ):
            yield name


def _is_constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


class _Scope:
    """One function: what its local names were made of."""

    def __init__(self, function: Function, constants: set[str]) -> None:
        self._constants = constants
        self._made: dict[str, list[ast.expr]] = {}
        self._arguments = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for one in targets:
                        if isinstance(one, ast.Name):
                            self._made.setdefault(one.id, []).append(value)
                case (
                    ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                    | ast.AugAssign(target=ast.Name(id=name), value=value)
                    | ast.NamedExpr(target=ast.Name(id=name), value=value)
                ):
                    self._made.setdefault(name, []).append(value)
                case ast.For(target=ast.Name(id=name), iter=ast.List(elts=elements) | ast.Tuple(elts=elements)):
                    self._made.setdefault(name, []).extend(elements)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend" | "add"), args=args):
                    self._made.setdefault(name, []).extend(args)

    def parts_of(self, call: ast.Call) -> list[str]:
        """The foreign parts of the query that `call` runs; none if it runs none, or one that was written here."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name not in _RUNS or not call.args:
            return []
        query = call.args[0]
        if isinstance(query, ast.Name):
            texts = [one for one in self._made.get(query.id, []) if query.id not in self._arguments]
            return [part for one in texts for part in self._foreign(one)] if any(map(_begins, texts)) else []
        return self._foreign(query) if _begins(query) else []

    def _foreign(self, node: ast.expr, depth: int = 0) -> list[str]:
        """What of a text was not written in this function or module, as source."""
        if depth > 12:
            return []
        match node:
            case ast.Constant() | ast.List() | ast.Tuple() | ast.Dict() if _is_constant(node):
                return []
            case ast.JoinedStr(values=values):
                inner = [one.value for one in values if isinstance(one, ast.FormattedValue)]
                return [part for one in inner for part in self._foreign(one, depth + 1)]
            case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Mult()):
                return self._foreign(left, depth + 1) + self._foreign(right, depth + 1)
            case ast.BinOp(left=left, right=right, op=ast.Mod()):
                values = list(right.elts) if isinstance(right, ast.Tuple) else [right]
                return [part for one in [left, *values] for part in self._foreign(one, depth + 1)]
            case ast.IfExp(body=body, orelse=other):
                return self._foreign(body, depth + 1) + self._foreign(other, depth + 1)
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                return [part for one in values for part in self._foreign(one, depth + 1)]
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[inner]):
                return self._foreign(inner, depth + 1)
            case ast.Call(
                func=ast.Attribute(value=inner, attr="format" | "strip" | "replace"), args=args, keywords=named
            ):
                everything = [inner, *args, *(one.value for one in named)]
                return [part for one in everything for part in self._foreign(one, depth + 1)]
            case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
                return self._foreign(element, depth + 1)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                if name == "text" and args:
                    return self._foreign(args[0], depth + 1)
                return [] if _QUOTES.search(name) else [ast.unparse(node)[:60]]
            case ast.Subscript(value=ast.Name(id=name)) if name in self._constants:
                return []
            case ast.Name(id=name):
                return self._name(name, depth)
            case ast.Attribute(attr=name):
                return [] if name.isupper() or name.startswith("__") else [ast.unparse(node)]
        return [ast.unparse(node)[:60]]

    def _name(self, name: str, depth: int) -> list[str]:
        if name in self._arguments:
            return [name]
        if name in self._made:
            parts = [part for one in self._made[name] for part in self._foreign(one, depth + 1)]
            return [name] if parts else []
        return [] if name in self._constants or name.isupper() else [name]


def _is_sql(head: str) -> bool:
    """Whether a text begins like SQL, and not like a sentence: "Select" is how people write."""
    match = _SQL.match(head)
    return match is not None and not match[0].split()[0].istitle()


def _begins(node: ast.expr) -> bool:
    """Whether a text that is put together begins like SQL."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str() as head), *_]):
            return _is_sql(head)
        case ast.BinOp(left=left):
            return _begins(left)
        case ast.Constant(value=str() as head):
            return _is_sql(head)
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            return _begins(inner)
        case ast.Call(func=ast.Name(id="text") | ast.Attribute(attr="text"), args=[inner, *_]):
            return _begins(inner)
    return False
