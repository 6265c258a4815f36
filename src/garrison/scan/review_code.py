"""What a change did to Python: endpoints and who may call them, dangerous calls, cryptography, new holes.

Compared are the trees before and after, so that a moved or re-formatted line is no change. Lets pass: protection put
on from another file (routers with dependencies that include this one, middleware); it is called out of sight.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..findings.record import Finding
from .code import examine_code
from .code_module import Function, Module
from .history import Change
from .review_rules import Topic
from .source_files import parse

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "route", "api_route", "websocket"})
_GUARD: Final = re.compile(
    r"user|auth|login|logged|session|perm|scope|role|right|admin|key|token|secur|bearer|owner|protect|principal|jwt|require",
    re.IGNORECASE,
)
_SINKS: Final = re.compile(
    r"^(?:os\.(?:system|popen|exec\w+|spawn\w+|chmod|chown|umask|setuid)|subprocess\.\w+|asyncio\.create_subprocess_\w+"
    r"|eval|exec|compile|__import__|importlib\.import_module|(?:c?pickle|marshal|dill|shelve|joblib)\.\w+|yaml\.\w*load\w*"
    r"|(?:httpx|requests|urllib\.request|aiohttp)\.\w+|jinja2\.\w+|markupsafe\.Markup|ctypes\.\w+|tempfile\.mktemp"
    r"|xml\.\w[\w.]*|lxml\.\w[\w.]*|tarfile\.\w+|zipfile\.\w+|shutil\.(?:rmtree|unpack_archive))$"
)
_SINK_METHODS: Final = frozenset({"execute", "executemany", "executescript", "exec_driver_sql", "extractall"})
_CRYPTO: Final = re.compile(
    r"^(?:hashlib|hmac|ssl|cryptography|jwt|jose|joserfc|nacl|argon2|bcrypt|passlib|Crypto|Cryptodome|secrets|random)\b"
)
_RIGHTS: Final = re.compile(r"^os\.(?:chmod|chown|umask|setuid|setgid)$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of a file: `POST /login`, where it is, and the names that seem to decide who may call it."""

    name: str
    line: int
    guards: frozenset[str]


def python_changes(change: Change) -> Iterator[Finding]:
    """What to look at in one changed Python file. Raises SyntaxError, ValueError for what can't be parsed."""
    before, after = (Module.of(parse(text)) for text in (change.before, change.after))
    yield from _endpoints(change, before, after)
    yield from _calls(change, before, after)
    known = Counter((one.id, one.anchor) for one in examine_code(change.path, change.before))
    for one in examine_code(change.path, change.after):
        if known[one.id, one.anchor] > 0:
            known[one.id, one.anchor] -= 1
            continue
        line = one.location.line or 1 if one.location else 1
        topic = Topic.SECRET if one.id == "G221" else Topic.HOLE
        yield topic.found(f"{one.id} {one.title}: {one.message}", change.path, line, severity=one.severity)


def endpoints_of(module: Module) -> dict[str, Endpoint]:
    """The routes that decorators of a file make."""
    found: dict[str, Endpoint] = {}
    shared = _router_guards(module.tree)
    for node in ast.walk(module.tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr in _METHODS:
                first = mark.args[0] if mark.args else None
                path = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"
                owner = mark.func.value.id if isinstance(mark.func.value, ast.Name) else ""
                name = f"{mark.func.attr.upper()} {path}"
                guards = _guards(node, mark) | shared.get(owner, frozenset())
                found[name] = Endpoint(name, node.lineno, guards)
    return found


def _guards(function: Function, mark: ast.Call) -> frozenset[str]:
    """Names in dependencies, decorators and annotations of parameters that speak of rights."""
    parts: list[ast.AST] = [one for one in function.decorator_list if one is not mark]
    parts += [keyword.value for keyword in mark.keywords if keyword.arg == "dependencies"]
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    parts += [one.annotation for one in arguments if one.annotation is not None]
    parts += [one for one in [*function.args.defaults, *function.args.kw_defaults] if isinstance(one, ast.Call)]
    return _names(parts)


def _router_guards(tree: ast.Module) -> dict[str, frozenset[str]]:
    """`router = APIRouter(dependencies=[Depends(logged_in)])`: what holds for all routes of it."""
    found: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            given = [keyword.value for keyword in node.value.keywords if keyword.arg == "dependencies"]
            found.update({one.id: _names(given) for one in node.targets if isinstance(one, ast.Name)})
    return found


def _names(parts: Sequence[ast.AST]) -> frozenset[str]:
    words = (
        node.id if isinstance(node, ast.Name) else node.attr
        for part in parts for node in ast.walk(part) if isinstance(node, (ast.Name, ast.Attribute))
    )  # fmt: skip
    return frozenset(word for word in words if _GUARD.search(word))


def _endpoints(change: Change, before: Module, after: Module) -> Iterator[Finding]:
    old = endpoints_of(before)
    for name, one in endpoints_of(after).items():
        guards = ", ".join(sorted(one.guards))
        if name not in old:
            topic, said = (
                (Topic.ENDPOINT, f"decided by {guards}") if guards else (Topic.UNPROTECTED, "no guard in sight")
            )
            yield topic.found(f"{name}: {said}.", change.path, one.line, key=name, mark=name)
        elif lost := old[name].guards - one.guards:
            still = f"; {guards} is left" if guards else "; nothing is left"
            yield Topic.LOST.found(
                f"{name} no longer asks {', '.join(sorted(lost))}{still}.", change.path, one.line, key=name, mark=name
            )


def _calls(change: Change, before: Module, after: Module) -> Iterator[Finding]:
    old = Counter(name for name, _ in _called(before))
    for name, line in _called(after):
        if old[name] > 0:
            old[name] -= 1
        elif _RIGHTS.match(name):
            yield Topic.RIGHTS.found(f"{name}() is called.", change.path, line, mark=name)
        elif _CRYPTO.match(name):
            yield Topic.CRYPTO.found(f"{name}() is called.", change.path, line, mark=name)
        else:
            yield Topic.SINK.found(f"{name}() is called.", change.path, line, mark=name)


def _called(module: Module) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = module.dotted(node.func)
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if _SINKS.match(name) or _CRYPTO.match(name) or method in _SINK_METHODS:
                found.append((name or method, node.lineno))
    return found
