"""One source file as the code rules see it: its tree, what its names mean, and what an endpoint's parameters are.

Assumption: a name means what the file imports or defines under it. Lets pass: names bound by `import *`, by `exec`, or
as attributes of objects that are made elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
_METHODS: Final = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket", "websocket_route"}
)
_PLAIN: Final = frozenset({"str", "bytes", "list", "List", "set", "tuple", "dict", "Dict", "Optional", "Union", "Any",
                           "UploadFile", "SecretStr", "AnyUrl", "HttpUrl", "AnyHttpUrl", "object",
                           "Sequence"})  # fmt: skip
_MODEL: Final = re.compile(r"(?:Create|Update|In|Request|Payload|Form|Schema|Body|Input|Params|Data|Dto|DTO|Model)\d*$")
_NOT_MODEL: Final = frozenset({"Request", "HTTPConnection", "WebSocket", "Response", "BackgroundTasks"})


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed file. `names`: what each imported name stands for, dotted."""

    tree: ast.Module
    names: dict[str, str]
    functions: dict[str, Function]
    models: dict[str, dict[str, ast.expr]] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: ast.Module) -> Module:
        """Read what a tree imports and defines."""
        names: dict[str, str] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=imported):
                    for one in imported:
                        names[one.asname or one.name.partition(".")[0]] = (
                            one.name if one.asname else one.name.partition(".")[0]
                        )
                case ast.ImportFrom(module=str() as source, names=imported, level=0):
                    names.update({one.asname or one.name: f"{source}.{one.name}" for one in imported})
        functions: dict[str, Function] = {
            one.name: one for one in tree.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        models = {one.name: _fields(one) for one in tree.body if isinstance(one, ast.ClassDef) and one.bases}
        return cls(tree, names, functions, models)

    def dotted(self, node: ast.expr) -> str:
        """`httpx.get` for whatever the file calls it; empty for what is no plain chain of names."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                inner = self.dotted(value)
                return f"{inner}.{attr}" if inner else ""
        return ""

    def endpoints(self) -> Iterator[Function]:
        """The functions that answer requests, by their decorators."""
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(
                isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in _METHODS
                for one in node.decorator_list
            ):
                yield node

    def comes_from_client(self, argument: ast.arg, default: ast.expr | None) -> bool:
        """Whether a parameter of an endpoint holds text, bytes or a model that the client sent."""
        if default is not None and _asks(default):
            return False
        note = argument.annotation
        if note is None:
            return argument.arg not in {"self", "request", "response", "websocket"}
        return self._is_free(note)

    def _is_free(self, note: ast.expr) -> bool:
        match note:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if name in _NOT_MODEL:
                    return False
                return name in _PLAIN or name in self.models or bool(name in self.names and _MODEL.search(name))
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *more])):
                return self._is_free(first) and not any(map(_asks, more))
            case ast.Subscript(value=ast.Name(id="Literal" | "Type")):
                return False
            case ast.Subscript(slice=ast.Tuple(elts=inner)):
                return any(map(self._is_free, inner))
            case ast.Subscript(slice=inner_one):
                return self._is_free(inner_one)
            case ast.BinOp(left=left, right=right, op=ast.BitOr()):
                return self._is_free(left) or self._is_free(right)
            case ast.Constant(value=str() as text) if text.isidentifier():
                return self._is_free(ast.Name(id=text))
        return False

    def field_is_free(self, model: str, name: str) -> bool:
        """Whether a field of a model of this file can hold any text; True where that is not known."""
        fields = self.models.get(model, {})
        return name not in fields or self._is_free(fields[name])


def arguments_of(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Each parameter with its default."""
    named = [*function.args.posonlyargs, *function.args.args]
    defaults: list[ast.expr | None] = [None] * (len(named) - len(function.args.defaults))
    yield from zip(named, [*defaults, *function.args.defaults], strict=True)
    yield from zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)


def _fields(node: ast.ClassDef) -> dict[str, ast.expr]:
    return {
        one.target.id: one.annotation
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


def _asks(node: ast.expr) -> bool:
    """A dependency, or a pattern that the value has to fit."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in {"Depends", "Security"} or any(
        one.arg in {"pattern", "regex", "max_digits"} for one in node.keywords
    )
