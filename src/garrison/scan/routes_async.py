"""Calls that block in `async def`, and side effects behind GET.

Calls are told by what their names mean in the module, not by how they are spelt. Lets pass: blocking calls behind
another function, methods of objects other than a SQLAlchemy `Session`, and `open()`, which is short for local files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from ..findings.record import Finding
from ..findings.severity import Confidence, Severity
from .routes_catalogue import Rule, at
from .routes_endpoint import Code, Endpoint

_BLOCKING: Final = frozenset(
    {
        "time.sleep", "os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call",
        "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "urllib.request.urlopen",
        "urllib.request.urlretrieve", "socket.create_connection", "socket.getaddrinfo", "socket.gethostbyname",
        "sqlite3.connect", "_sqlite3.connect", "psycopg2.connect", "pymysql.connect", "smtplib.SMTP",
        "smtplib.SMTP_SSL", "bcrypt.hashpw", "bcrypt.checkpw", "hashlib.scrypt", "hashlib.pbkdf2_hmac",
        "_hashlib.scrypt", "_hashlib.pbkdf2_hmac", "shutil.copytree", "shutil.rmtree", "shutil.make_archive",
        "shutil.unpack_archive",
        "zipfile.ZipFile", "tarfile.open",
    }
)  # fmt: skip
_BLOCKING_MODULES: Final = frozenset({"requests.api"})
_HTTPX: Final = frozenset(
    f"httpx.{name}" for name in ("get", "post", "put", "patch", "delete", "head", "request", "stream", "Client")
)
_SESSION: Final = frozenset({"execute", "commit", "query", "scalar", "scalars", "flush", "refresh", "get", "exec"})
_WRITES: Final = re.compile(r"\s*(?:INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|DROP\s|TRUNCATE\s|ALTER\s)", re.I)
_STORE: Final = re.compile(r"^(?:self\.)?(?:_?db|database|session|db_session|conn|connection|cursor|cur|tx|dao|repo)$")
_VERBS: Final = re.compile(r"/(?:delete|remove|create|update|reset|revoke|purge|clear|destroy|restart|shutdown|kill)$")
_REMOVES: Final = frozenset({"os.remove", "os.unlink", "os.rmdir", "posix.remove", "posix.unlink", "shutil.rmtree"})
_PASSING: Final = re.compile(r"te?mp|cache|upload|partial", re.I)


def blocking(endpoint: Endpoint, seen: set[Code]) -> Iterator[Finding]:
    """R014 for the endpoint and its dependencies; each function once, however many endpoints share it."""
    for code in endpoint.code:
        if not code.is_async or code in seen:
            continue
        seen.add(code)
        found = dict.fromkeys(
            name for node in code.body() if isinstance(node, ast.Call) and (name := _blocks(node, code))
        )
        if found:
            name = endpoint.name if not code.dependency else code.node.name
            message = f"It calls {', '.join(f'`{one}`' for one in list(found)[:5])}."
            yield Rule.BLOCKING.found(message, at(code.path, code.line, name), snippet=",".join(sorted(found)))


def _blocks(node: ast.Call, code: Code) -> str:
    meaning = code.meaning(node.func)
    if meaning is None:
        return _session_call(node, code)
    module, name = str(getattr(meaning, "__module__", "") or ""), str(getattr(meaning, "__qualname__", "") or "")
    full = f"{module}.{name}"
    if full in _BLOCKING or module in _BLOCKING_MODULES or full in _HTTPX:
        return ast.unparse(node.func)
    return ""


def _session_call(node: ast.Call, code: Code) -> str:
    """A method of a parameter that is SQLAlchemy's synchronous `Session`."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _SESSION and name in _sessions(code):
            return f"{name}.{attr}"
    return ""


def _sessions(code: Code) -> set[str]:
    arguments = [*code.node.args.args, *code.node.args.kwonlyargs]
    return {one.arg for one in arguments if one.annotation is not None and _is_session(one.annotation, code)}


def _is_session(annotation: ast.expr, code: Code) -> bool:
    match annotation:
        case ast.Subscript(
            value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"), slice=ast.Tuple(elts=[inner, *_])
        ):
            return _is_session(inner, code)
        case ast.Name() | ast.Attribute():
            kind: Any = code.meaning(annotation)
            kind = getattr(kind, "__origin__", kind)  # a name for Annotated[Session, Depends(…)]
            return isinstance(kind, type) and any(
                f"{one.__module__}.{one.__name__}" == "sqlalchemy.orm.session.Session" for one in kind.__mro__
            )
    return False


def effects(endpoint: Endpoint, paths_with_post: frozenset[str]) -> Iterator[Finding]:
    """R007: a GET that writes to the database, removes files, or is called like a command."""
    main = endpoint.main
    if main is None or not endpoint.methods <= {"GET", "HEAD"}:
        return
    place = at(main.path, main.line, endpoint.name)
    if done := next(filter(None, (_effect(node, main) for node in main.body())), ""):
        yield Rule.UNSAFE_GET.found(f"It calls `{done}`.", place, snippet=done, confidence=Confidence.MEDIUM)
    elif (
        (match := _VERBS.search(endpoint.path.lower()))
        and endpoint.path not in paths_with_post
        and not _is_page(endpoint)
    ):
        yield Rule.UNSAFE_GET.found(
            f"Its path ends in `{match[0]}`.", place, snippet=match[0], confidence=Confidence.LOW, severity=Severity.LOW
        )


def _is_page(endpoint: Endpoint) -> bool:
    """A page with the form or the question, as its name or response class says."""
    kind = getattr(endpoint.route.route, "response_class", None)
    kind = getattr(kind, "value", kind)
    return "HTML" in str(getattr(kind, "__name__", "")) or not hasattr(endpoint.route.route, "response_model")


def _effect(node: ast.AST, code: Code) -> str:
    if not isinstance(node, ast.Call):
        return ""
    meaning = code.meaning(node.func)
    full = f"{getattr(meaning, '__module__', '')}.{getattr(meaning, '__qualname__', '')}"
    if full in _REMOVES and node.args and not _PASSING.search(ast.unparse(node.args[0])):
        return ast.unparse(node)[:60]
    match node.func:
        case ast.Attribute(value=holder, attr=attr) if _STORE.match(ast.unparse(holder)):
            if attr in ("add", "add_all", "delete", "bulk_save_objects", "merge") and node.args:
                return f"{ast.unparse(node.func)}(…)"
            if attr in ("execute", "executemany", "exec") and node.args and _WRITES.match(_text(node.args[0])):
                return f"{ast.unparse(node.func)}(…)"
    return ""


def _text(node: ast.expr) -> str:
    """The constant text at the head of a query."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            return text
        case ast.Call(args=[inner, *_]):
            return _text(inner)
    return ""
