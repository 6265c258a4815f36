"""What is known of one endpoint without calling it: its parameters, its models, and the source of what it runs.

Assumption: the application is loaded, so names mean what they mean in its modules. Functions are found in their files
by their first line; a function made at run time, or whose file changed since, has no source here and is left out.
Duck-typed like `accounts.authorisation_routes`: neither FastAPI nor Starlette need be installed.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..accounts.authorisation_routes import Route
from .source_files import Own, parse, read

Function = ast.FunctionDef | ast.AsyncFunctionDef
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FRAMEWORKS: Final = frozenset({"fastapi", "starlette", "fastapi_swagger", "pydantic", "anyio"})
_DEEPEST: Final = 20
_MOST: Final = 200
"""Functions looked at for one endpoint, dependencies included."""


class Place(StrEnum):
    """Where a parameter comes from."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"
    FORM = "form"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a client sends: FastAPI's view of it."""

    name: str
    place: Place
    annotation: Any
    info: Any


@dataclass(frozen=True)
class Code:
    """A function of the application's own: its tree, where it stands and what its names mean."""

    function: Callable[..., Any]
    node: Function
    path: Path
    dependency: bool = False

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @cached_property
    def names(self) -> dict[str, Any]:
        """What global names and those of enclosing functions mean."""
        found: dict[str, Any] = dict(getattr(self.function, "__globals__", {}))
        code, cells = getattr(self.function, "__code__", None), getattr(self.function, "__closure__", None) or ()
        for name, cell in zip(getattr(code, "co_freevars", ()), cells, strict=False):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # a cell that is not filled yet
                found.pop(name, None)
        return found

    def body(self) -> Iterator[ast.AST]:
        """All nodes that run when the function does, in the order they are written, without nested functions."""
        stack: list[ast.AST] = list(reversed(self.node.body))
        while stack:
            node = stack.pop()
            yield node
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                stack += reversed(list(ast.iter_child_nodes(node)))

    def meaning(self, node: ast.expr) -> object | None:
        """The object that a name, or a chain of attributes of modules and classes, stands for; None if unknown.

        Instances are not asked for attributes: that could run the application's code.
        """
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=inner, attr=name):
                holder = self.meaning(inner)
                found: object | None = None
                if inspect.ismodule(holder):
                    found = vars(holder).get(name)
                elif inspect.isclass(holder):
                    found = inspect.getattr_static(holder, name, None)
                return found
        return None


@dataclass(frozen=True)
class Endpoint:
    """One route with what stands behind it. `code` begins with the endpoint itself; dependencies follow."""

    route: Route
    code: tuple[Code, ...]
    parameters: tuple[Parameter, ...]
    calls: tuple[object, ...] = field(default=(), repr=False)
    """Everything that runs before the endpoint: dependencies, security schemes, the endpoint's own object last."""
    own: bool = True

    @property
    def name(self) -> str:
        return self.route.name

    @property
    def path(self) -> str:
        return self.route.path

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(self.route.methods.split(","))

    @property
    def changes(self) -> bool:
        """Whether a method with side effects reaches it."""
        return not self.methods <= SAFE and not self.methods & {"ALL", "WEBSOCKET"}

    @property
    def main(self) -> Code | None:
        return next((one for one in self.code if not one.dependency), None)


@dataclass(frozen=True, slots=True)
class _File:
    """The functions of a file by their first line, decorators included, and the lines of its classes."""

    functions: dict[int, Function]
    classes: dict[str, int]

    @classmethod
    def of(cls, tree: ast.Module) -> _File:
        functions: dict[int, Function] = {}
        classes: dict[str, int] = {}
        for one in ast.walk(tree):
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                functions[min([one.lineno, *(each.lineno for each in one.decorator_list)])] = one
            elif isinstance(one, ast.ClassDef):
                classes.setdefault(one.name, one.lineno)
        return cls(functions, classes)


class Reader:
    """Makes endpoints of routes; remembers the trees of files."""

    def __init__(self, own: Own | None) -> None:
        self._own = own
        self._files: dict[Path, _File] = {}
        self.unread: list[str] = []

    def endpoint(self, route: Route) -> Endpoint | None:
        """None for the frameworks' own pages and for what has no endpoint function."""
        called = getattr(route.route, "endpoint", None)
        if called is None or package_of(called) in _FRAMEWORKS:
            return None
        dependant = getattr(route.route, "dependant", None)
        mains = [self._code(each) for each in _functions(called, route)]
        befores = [call for call in _calls(dependant) if call is not called]
        below = [self._code(call, dependency=True) for call in befores]
        code = tuple(dict.fromkeys(one for one in [*mains, *below][:_MOST] if one is not None))
        return Endpoint(route, code, tuple(_parameters(dependant)), (*befores, called), own=any(mains))

    def _code(self, call: object, *, dependency: bool = False) -> Code | None:
        """The source of a function, if it is the application's own and can be read."""
        function = _plain(call)
        found = getattr(function, "__code__", None)
        if function is None or found is None or self._own is None:
            return None
        path = Path(found.co_filename)
        if not self._own.holds(path):
            return None
        node = self._file(path).functions.get(found.co_firstlineno)
        return Code(function, node, path, dependency) if node is not None and node.name == found.co_name else None

    def class_line(self, kind: type) -> tuple[Path, int] | None:
        """Where a class of the application's own begins."""
        try:
            path = Path(inspect.getsourcefile(kind) or "")
        except TypeError:
            return None
        if self._own is None or not self._own.holds(path):
            return None
        return path, self._file(path).classes.get(kind.__name__, 1)

    def _file(self, path: Path) -> _File:
        if path not in self._files:
            try:
                tree = parse(read(path))
            except (OSError, SyntaxError, ValueError, RecursionError) as error:
                self.unread.append(f"{path.name} ({type(error).__name__})")
                self._files[path] = _File({}, {})
            else:
                self._files[path] = _File.of(tree)
        return self._files[path]


def package_of(call: object) -> str:
    """The outermost package that a function, a class or an object's class comes from."""
    return str(getattr(inspect.unwrap(call) if callable(call) else call, "__module__", "") or "").partition(".")[0]


def _functions(endpoint: object, route: Route) -> Iterable[object]:
    """The endpoint, or the methods of a class-based one that its route lets through."""
    if not inspect.isclass(endpoint):
        return [endpoint]
    wanted = {method.lower() for method in route.methods.split(",")}
    names = [name for name in ("get", "post", "put", "patch", "delete") if wanted & {name, "all"}]
    return [vars(endpoint)[name] for name in names if name in vars(endpoint)]


def _plain(call: object) -> Callable[..., Any] | None:
    """The function behind decorators, partials, bound methods and callable objects of the application."""
    for _ in range(_DEEPEST):
        call = getattr(call, "func", call) if type(call).__name__ == "partial" else call
        inner = getattr(call, "__wrapped__", None) or getattr(call, "__func__", None)
        if inner is None:
            break
        call = inner
    if inspect.isfunction(call):
        return call
    if inspect.isclass(call):
        made = inspect.getattr_static(call, "__init__", None)
    else:
        made = inspect.getattr_static(type(call), "__call__", None)
    return made if inspect.isfunction(made) else None


def _calls(dependant: Any, depth: int = 0) -> Iterator[object]:
    if dependant is None or depth > _DEEPEST:
        return
    for each in getattr(dependant, "dependencies", ()):
        yield from _calls(each, depth + 1)
    if (call := getattr(dependant, "call", None)) is not None:
        yield call


def _parameters(dependant: Any, depth: int = 0) -> Iterator[Parameter]:
    if dependant is None or depth > _DEEPEST:
        return
    for place in (Place.PATH, Place.QUERY, Place.HEADER, Place.COOKIE, Place.BODY):
        for one in getattr(dependant, f"{place}_params", ()):
            info = one.field_info
            kind = {"Form": Place.FORM, "File": Place.FILE}.get(type(info).__name__, place)
            yield Parameter(one.name, kind, getattr(info, "annotation", None), info)
    for each in getattr(dependant, "dependencies", ()):
        yield from _parameters(each, depth + 1)
