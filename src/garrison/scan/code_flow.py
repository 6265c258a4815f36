"""What a client sends, followed through the functions of one file to the calls where it does harm (G1xx).

Followed: parameters of endpoints, what the request object gives, through assignments, text put together, and calls of
functions of the same file. A value counts as clean after a conversion to a number, an escaping function, a look-up in a
table, or an `if` that compares it with a list or asks a checking function and leaves.
Lets pass: flows across files, through attributes of objects and through containers that are filled elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from .code_module import Function, Module, arguments_of
from .code_rules import Hole
from .code_sinks import sinks_of

Hit = tuple[Hole, ast.AST, str]
_PARTS: Final = frozenset(
    {"query_params", "path_params", "headers", "cookies", "json", "body", "form", "stream", "url", "args", "values",
     "files", "data", "get_json", "receive_text", "receive_json", "receive_bytes", "GET", "POST", "COOKIES", "META"}
)  # fmt: skip
_CLEAN: Final = re.compile(
    r"(?:^|[._])(?:int|float|bool|len|UUID|Decimal|date|quote|quote_plus|urlencode|escape\w*|sanitize\w*|clean\w*|basename"
    r"|secure_filename|compare_digest|isdigit|isalnum|isidentifier|startswith|endswith|hash|hexdigest|dumps|literal_eval"
    r"|validate\w*|check\w*|model_validate\w*|count|index|find|identifier|encode_csv|sha256|blake2b|nh3|bleach)$"
)
_PASSES: Final = frozenset(
    {"str", "bytes", "list", "tuple", "set", "dict", "sorted", "reversed", "iter", "next", "repr", "format",
     "map", "text", "join", "Path", "PurePath", "b64decode", "urlsafe_b64decode", "unquote", "unquote_plus", "loads",
     "urljoin", "expanduser", "abspath", "normpath", "BytesIO", "StringIO", "Template", "fsdecode", "getattr",
     "Request", "enumerate"}
)  # fmt: skip
_GUARD: Final = re.compile(r"valid|allow|safe|check|permit|verif|ours|known|is_relative_to|startswith|fullmatch|match$"
                           r"|isalnum|isdigit|isidentifier|isascii|compare_digest")  # fmt: skip
MOST_CALLS: Final = 400
"""Functions followed in one file, each with the parameters that are tainted; what is beyond is not followed."""


def follow(module: Module) -> Iterator[Hit]:
    """Every place where something a client sent arrives in one of the calls of `code_sinks`."""
    waiting: list[tuple[Function, frozenset[str]]] = []
    for function in module.endpoints():
        free = frozenset(
            argument.arg for argument, default in arguments_of(function) if module.comes_from_client(argument, default)
        )
        waiting.append((function, free))
    done: set[tuple[int, frozenset[str]]] = set()
    told: set[tuple[Hole, int]] = set()
    while waiting and len(done) < MOST_CALLS:
        function, tainted = waiting.pop()
        if (id(function), tainted) in done:
            continue
        done.add((id(function), tainted))
        walk = _Walk(module, function, tainted)
        for hole, node, message in walk.hits():
            if (key := (hole, getattr(node, "lineno", 0))) not in told:
                told.add(key)
                yield hole, node, message
        waiting += walk.calls


class _Walk:
    """One function, its statements in order, with the names that hold something of the client's."""

    def __init__(self, module: Module, function: Function, tainted: frozenset[str]) -> None:
        self.module = module
        self.function = function
        self.names = set(tainted)
        self.types = {one.arg: _type_of(one.annotation) for one, _ in arguments_of(function)}
        self.calls: list[tuple[Function, frozenset[str]]] = []
        self.answers_html = any(map(_makes_html, function.decorator_list))

    def hits(self) -> Iterator[Hit]:
        yield from self._block(self.function.body)

    def _block(self, body: Sequence[ast.stmt]) -> Iterator[Hit]:
        for statement in body:
            yield from self._statement(statement)

    def _statement(self, node: ast.stmt) -> Iterator[Hit]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.If(test=test, body=body, orelse=other):
                yield from self._look(test)
                yield from self._branch(test, body, other)
                return
            case ast.For(target=target, iter=each, body=body) | ast.AsyncFor(target=target, iter=each, body=body):
                yield from self._look(each)
                self._bind(target, self.holds(each))
                yield from self._block([*body, *node.orelse])
                return
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    yield from self._look(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, self.holds(item.context_expr))
                yield from self._block(body)
                return
            case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=final):
                parts = [*body, *(one for handler in handlers for one in handler.body), *other, *final]
                yield from self._block(parts)
                return
            case ast.While(test=test, body=body):
                yield from self._look(test)
                yield from self._block(body)
                return
        yield from self._look(node)
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, self.holds(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self.holds(value))
            case ast.AugAssign(target=ast.Name(id=name), value=value) if self.holds(value):
                self.names.add(name)
            case ast.Return(value=value) if self.answers_html and not self._by_function(value) and self.holds(value):
                yield Hole.HTML, node, f"{self.function.name}() answers HTML with text that a client sent."

    def _by_function(self, node: ast.expr | None) -> bool:
        """Whether a function of the file makes it, which may well escape."""
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.module.functions

    def _branch(self, test: ast.expr, body: list[ast.stmt], other: list[ast.stmt]) -> Iterator[Hit]:
        checked = self._checked(test)
        before = set(self.names)
        leaves = bool(body) and isinstance(body[-1], ast.Raise | ast.Return | ast.Continue | ast.Break)
        self.names -= checked if not _negated(test) else set()
        yield from self._block(body)
        after_body, self.names = self.names, set(before) - (checked if _negated(test) else set())
        yield from self._block(other)
        self.names = self.names - checked if leaves else self.names | after_body

    def _checked(self, test: ast.expr) -> set[str]:
        """The names that a condition compares with a list, or hands to a function that checks."""
        found: set[str] = set()
        for node in ast.walk(test):
            match node:
                case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()]):
                    found |= _names(left)
                case ast.Call(func=func) if _GUARD.search(_last(func)):
                    found |= _names(node)
        return found

    def _bind(self, target: ast.expr, tainted: bool) -> None:
        match target:
            case ast.Name(id=name):
                (self.names.add if tainted else self.names.discard)(name)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for one in parts:
                    self._bind(one, tainted)
            case ast.Subscript(value=ast.Name(id=name)) if tainted:
                self.names.add(name)

    def _look(self, node: ast.AST) -> Iterator[Hit]:
        for one in ast.walk(node):
            if isinstance(one, ast.Call):
                yield from sinks_of(one, self.module, self)
                self._enter(one)
            elif isinstance(one, ast.NamedExpr):
                self._bind(one.target, self.holds(one.value))
            elif isinstance(one, ast.comprehension):
                self._bind(one.target, self.holds(one.iter))

    def _enter(self, call: ast.Call) -> None:
        """A call of a function of this file with something tainted: look there too."""
        function = self.module.functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is None or _CLEAN.search(function.name):
            return
        named = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        given = {name for name, value in zip(named, call.args, strict=False) if self.holds(value)}
        given |= {one.arg for one in call.keywords if one.arg and self.holds(one.value)}
        if given:
            self.calls.append((function, frozenset(given)))

    def holds(self, node: ast.expr | None) -> bool:
        """Whether an expression carries something of the client's that nothing has cleaned."""
        match node:
            case None | ast.Constant() | ast.Compare() | ast.Lambda():
                return False
            case ast.Name(id=name):
                return name in self.names
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(value, attr)
            case ast.Subscript(value=value):
                return self.holds(value)
            case ast.Await(value=value) | ast.Starred(value=value) | ast.FormattedValue(value=value):
                return self.holds(value)
            case ast.NamedExpr(value=value):
                return self.holds(value)
            case ast.JoinedStr(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return any(map(self.holds, parts))
            case ast.BoolOp(values=parts):
                return any(map(self.holds, parts))
            case ast.BinOp(left=left, right=right):
                return self.holds(left) or self.holds(right)
            case ast.IfExp(test=test, body=body, orelse=other):
                checked = self._checked(test)
                return any(self.holds(one) and not _names(one) <= checked for one in (body, other))
            case ast.Dict(values=parts):
                return any(map(self.holds, parts))
            case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
                return self.holds(element)
            case ast.Call():
                return self._call(node)
        return False

    def _attribute(self, value: ast.expr, attr: str) -> bool:
        if isinstance(value, ast.Name) and self.is_request(value):
            return attr in _PARTS
        if attr in {"name", "stem", "suffix"} and isinstance(value, ast.Call):
            return False  # Path(x).name: the folder is gone
        if isinstance(value, ast.Name) and value.id in self.names:
            return self.module.field_is_free(self.types.get(value.id, ""), attr)
        return self.holds(value)

    def is_request(self, node: ast.expr) -> bool:
        """Whether a name stands for the request."""
        if not isinstance(node, ast.Name):
            return False
        kind = self.types.get(node.id)
        if kind in {"Request", "WebSocket", "HTTPConnection", "HttpRequest"}:
            return True
        return self.module.names.get(node.id) in {"flask.request", "quart.request"} or (
            node.id == "request" and not kind
        )

    def _call(self, call: ast.Call) -> bool:
        name = _last(call.func)
        if _CLEAN.search(name):
            return False
        given = [*call.args, *(one.value for one in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            if self.holds(call.func.value) or self.holds(call.func):
                return True  # `text.strip()`, `await request.json()`
            if name in {"get", "pop"} and not isinstance(call.func.value, ast.Call):
                return False  # a look-up: what comes out was put in by somebody else
        if name in _PASSES or self.module.dotted(call.func) == "os.path.join":
            return any(map(self.holds, given))
        return isinstance(call.func, ast.Name) and name in self.module.functions and any(map(self.holds, given))


def _makes_html(decorator: ast.expr) -> bool:
    """`@app.get("/", response_class=HTMLResponse)`: what the function returns is HTML."""
    given = decorator.keywords if isinstance(decorator, ast.Call) else ()
    return any(one.arg == "response_class" and _last(one.value) == "HTMLResponse" for one in given)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _negated(test: ast.expr) -> bool:
    """`x not in …` or `not allowed(x)`: the body is where the value is not fine."""
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[ast.NotIn()]):
            return True
        case ast.BoolOp(values=parts):
            return any(map(_negated, parts))
    return False


def _type_of(note: ast.expr | None) -> str:
    match note:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _type_of(first)
        case ast.BinOp(left=left):
            return _type_of(left)
    return ""
