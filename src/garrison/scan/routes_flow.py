"""Where a client's text goes: into redirects and into file paths.

Followed inside one function, through assignments, concatenation, formatting and text methods. A call of anything else
counts as a check, and so does a condition that looks into the value (`in`, `startswith`, a function): in doubt for the
application. Lets pass: what goes through another function or an attribute of an object. A parameter of the path is one
segment and holds no slash, unless its route says `:path`; numbers, UUIDs and choices lead nowhere.
"""

from __future__ import annotations

import ast
import enum
import re
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from ..findings.record import Finding
from ..findings.severity import Confidence
from .routes_catalogue import Rule, at
from .routes_endpoint import Code, Endpoint, Parameter, Place

_KEEPS: Final = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "replace", "format", "join", "decode", "encode", "removeprefix",
     "removesuffix", "expanduser", "joinpath", "absolute", "as_posix", "with_suffix"}
)  # fmt: skip
"""Methods whose answer is the text they were called on, or with, more or less."""
_MAKES: Final = frozenset({"str", "Path", "PurePath", "unquote", "unquote_plus", "join", "expanduser", "abspath"})
_SOURCES: Final = frozenset({"query_params", "path_params", "cookies", "headers"})
_OPENS: Final = frozenset(
    {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "iterdir", "mkdir", "touch"}
)
_FILES: Final = frozenset({"FileResponse", "rmtree", "copyfile", "copytree", "remove", "unlink", "listdir", "move"})
_HARMLESS: Final = (int, float, bool, uuid.UUID)
_LOOKS: Final = re.compile(
    r"is_relative_to|commonpath|resolve|realpath|secure_filename|basename|sanit|safe|valid|allow"
)
_ORIGIN: Final = re.compile(r"^/[^/\\{]|^https?://[^/{]+/")


def flows(endpoint: Endpoint) -> Iterator[Finding]:
    """R010 and R012."""
    for code in endpoint.code:
        if code.dependency:
            continue
        client = _Client(endpoint, code)
        looks = bool(_LOOKS.search(ast.unparse(code.node)))
        for node in code.body():
            if not isinstance(node, ast.Call):
                continue
            spot = at(code.path, node.lineno, endpoint.name)
            if (target := _redirect(node)) is not None and (name := client.leads(target)):
                text, rule = f"`{name}` decides where to.", Rule.OPEN_REDIRECT
            elif (path := _file(node, code)) is not None and not looks and (name := client.carries(path)):
                text, rule = f"`{name}` is part of the path.", Rule.FILE_PATH
            else:
                continue
            yield rule.found(text, spot, snippet=name, confidence=Confidence.MEDIUM)


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else str(getattr(call.func, "id", ""))


def _redirect(node: ast.Call) -> ast.expr | None:
    name = (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )
    if name not in ("RedirectResponse", "redirect"):
        return None
    named = (one.value for one in node.keywords if one.arg == "url")
    return next(named, node.args[0] if node.args else None)


def _file(node: ast.Call, code: Code) -> ast.expr | None:
    """The path that a call opens, reads, writes, serves or removes."""
    match node.func:
        case ast.Name(id=name) if (name == "open" or name in _FILES) and (node.args or node.keywords):
            return node.args[0] if node.args else next((one.value for one in node.keywords if one.arg == "path"), None)
        case ast.Attribute(value=ast.Name(id="os" | "shutil" | "aiofiles" | "io"), attr=name) if node.args and (
            name in _FILES or name == "open"
        ):
            return node.args[0]
        case ast.Attribute(value=inner, attr=name) if name in _OPENS and isinstance(
            inner, (ast.BinOp, ast.Call, ast.Name)
        ):
            return inner if _is_path(inner, code) else None
    return None


def _is_path(node: ast.expr, code: Code) -> bool:
    """Whether an expression is a `pathlib` path: built with `/` or `Path(…)`, or a name that was."""
    match node:
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in ("Path", "joinpath")
        case ast.Name(id=name):
            return any(
                isinstance(one, ast.Assign)
                and any(isinstance(each, ast.Name) and each.id == name for each in one.targets)
                and not isinstance(one.value, ast.Name)
                and _is_path(one.value, code)
                for one in code.body()
            )
    return False


class _Client:
    """Which names of a function hold text of the client."""

    def __init__(self, endpoint: Endpoint, code: Code) -> None:
        self._free = {one.name for one in endpoint.parameters if _is_free_text(one, endpoint.path)}
        self._models = {one.name for one in endpoint.parameters if hasattr(_bare(one.annotation), "model_fields")}
        self._files = {one.name for one in endpoint.parameters if one.place is Place.FILE}
        self._requests = {"request", "req"}
        own = {one.arg for one in [*code.node.args.args, *code.node.args.kwonlyargs]}
        self._free &= own
        self._segments = {one.name for one in endpoint.parameters if one.place is Place.PATH}
        self._judged = _judged(code)
        for _ in range(2):  # what a loop's end assigns is seen by its beginning
            for node in code.body():
                self._assign(node)

    def _assign(self, node: ast.AST) -> None:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                if self.carries(value):
                    self._free.add(name)

    def carries(self, node: ast.expr) -> str:
        """The name of what is the client's in the text of `node`; empty if there is nothing of the kind."""
        match node:
            case ast.Name(id=name):
                return name if name in self._free and name not in self._judged else ""
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                if name in self._files and attr == "filename":
                    return f"{name}.filename" if f"{name}.filename" not in self._judged else ""
                if name in self._models and name not in self._judged:
                    return f"{name}.{attr}"
                return ""
            case ast.JoinedStr(values=values):
                parts = [one.value for one in values if isinstance(one, ast.FormattedValue)]
            case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Div() | ast.Mod()):
                parts = [left, right]
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts):
                pass
            case ast.IfExp(body=body, orelse=other):
                parts = [body, other]
            case ast.Await(value=inner):
                parts = [inner]
            case ast.Subscript(value=inner) | ast.Call(func=ast.Attribute(value=inner, attr="get")) if self._is_source(
                inner
            ):
                return ast.unparse(node)[:40]
            case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args) if name in _KEEPS | _MAKES:
                parts = [inner, *args]
            case ast.Call(func=ast.Name(id=name), args=args) if name in _MAKES:
                parts = args
            case _:
                return ""
        return next(filter(None, map(self.carries, parts)), "")

    def leads(self, node: ast.expr) -> str:
        """As `carries`, if the client's text stands where it decides about the host."""
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str() as head), *_]) if head != "/":
                return ""
            case ast.JoinedStr(values=[ast.Constant(), *rest]) | ast.JoinedStr(values=rest):
                first = rest[0] if rest else None
                return self.leads(first.value) if isinstance(first, ast.FormattedValue) else ""
            case ast.BinOp(left=ast.Constant(value="/"), op=ast.Add(), right=right):
                return self.leads(right)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
                return self.leads(left)
            case ast.Name(id=name) if name in self._segments:
                return ""
            case ast.Call(func=ast.Attribute(value=ast.Constant())):
                return ""
        return self.carries(node)

    def _is_source(self, node: ast.expr) -> bool:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                return name in self._requests and attr in ("query_params",) and ast.unparse(node) not in self._judged
        return False


def _judged(code: Code) -> set[str]:
    """Names that a condition looks into."""
    found: set[str] = set()
    for node in ast.walk(code.node):
        test = getattr(node, "test", None) if isinstance(node, (ast.If, ast.IfExp, ast.Assert, ast.While)) else None
        if test is None:
            continue
        for part in ast.walk(test):
            if isinstance(part, ast.Call) and not _asks_existence(part):
                found |= {ast.unparse(one) for one in [*part.args, *_receiver(part)]}
            elif isinstance(part, ast.Compare) and any(not isinstance(one, (ast.Is, ast.IsNot)) for one in part.ops):
                sides = [part.left, *part.comparators]
                found |= {ast.unparse(one) for one in sides}
    return found


def _receiver(call: ast.Call) -> list[ast.expr]:
    return [call.func.value] if isinstance(call.func, ast.Attribute) else []


def _asks_existence(call: ast.Call) -> bool:
    return _name_of(call) in ("exists", "is_file", "is_dir", "isfile", "isdir", "len")


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _is_free_text(one: Parameter, path: str) -> bool:
    """Whether a parameter can hold any text: no number, no choice, no pattern, no single segment of the path."""
    if one.place is Place.PATH and f"{{{one.name}:path}}" not in path:
        return False
    if one.place in (Place.HEADER, Place.COOKIE, Place.FILE):
        return False
    parts = get_args(one.annotation) if get_origin(one.annotation) not in (None, Annotated) else (one.annotation,)
    kinds = [_bare(each) for each in parts]
    if get_origin(_bare(one.annotation)) is Literal or not any(kind is str for kind in kinds):
        return False
    if any(isinstance(kind, type) and issubclass(kind, (*_HARMLESS, enum.Enum)) for kind in kinds):
        return False
    return not any(getattr(each, "pattern", None) for each in one.info.metadata)
