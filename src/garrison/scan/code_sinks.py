"""The calls in which a client's text does harm, and which of their arguments it must not reach (G1xx).

Each function looks at one call. Assumption: a method is known by its name where the object's type is not known, and
only by names that hardly mean anything else. Lets pass: wrappers of other files around these calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, Protocol

from .code_module import Module
from .code_rules import Hole

_SQL: Final = re.compile(
    r"^(?:execute|executemany|executescript|exec_driver_sql|raw|fetch|fetchrow|fetchval|fetch_all|fetch_one|fetch_val)$"
)
_PROGRAMS: Final = re.compile(
    r"^(?:os\.(?:exec\w+|spawn\w+|posix_spawnp?)|subprocess\.(?:run|call|Popen|check_call|check_output)"
    r"|asyncio\.create_subprocess_exec)$"
)
_SHELLS: Final = re.compile(
    r"^(?:os\.(?:system|popen)|subprocess\.get(?:status)?output|asyncio\.create_subprocess_shell)$"
)
_OPENS: Final = re.compile(
    r"^(?:open|io\.open|os\.(?:open|remove|unlink|rmdir|listdir|scandir|makedirs|mkdir|rename)|shutil\.\w+|aiofiles\.open"
    r"|(?:\w+\.)*(?:FileResponse|send_file|send_from_directory))$"
)
_PATH_METHODS: Final = frozenset(
    {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "rmdir", "iterdir", "open"}
)
_FETCHES: Final = re.compile(
    r"^(?:(?:httpx|requests)\.(?:get|post|put|patch|delete|head|options|request|stream)|urllib\.request\.(?:urlopen"
    r"|urlretrieve)|urllib3\.request)$"
)
_CLIENT: Final = re.compile(r"(?:^|_)(?:client|session|http|aclient|requests)$", re.IGNORECASE)
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"})
_LOADS: Final = re.compile(
    r"^(?:c?pickle|dill|cloudpickle|marshal|joblib|torch|pandas|shelve|jsonpickle|_pickle|numpy)\."
    r"(?:loads?|open|decode|read_pickle)$"
)
_REGEX: Final = re.compile(r"^re\.(?:compile|search|match|fullmatch|sub|subn|split|findall|finditer)$")


class Taint(Protocol):
    """What the walk tells a sink."""

    def holds(self, node: ast.expr | None) -> bool:
        """Whether an expression carries something of the client's."""

    def is_request(self, node: ast.expr) -> bool:
        """Whether a name stands for the request."""


Hit = tuple[Hole, ast.AST, str]


def sinks_of(call: ast.Call, module: Module, taint: Taint) -> Iterator[Hit]:
    """The holes that one call makes with what reaches it."""
    name = module.dotted(call.func)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first = call.args[0] if call.args else None
    for hole in _holes(call, name, method, first, taint):
        yield hole, call, f"{_shown(call)} gets text that a client sent."
    yield from _attributes(call, name, taint)


def _holes(call: ast.Call, name: str, method: str, first: ast.expr | None, taint: Taint) -> Iterator[Hole]:
    dirty = taint.holds(first)
    last = name.rpartition(".")[2]
    if dirty:
        if _SQL.match(method) or name in {"sqlalchemy.text", "sqlalchemy.sql.text", "pandas.read_sql"}:
            yield Hole.SQL
        if name in {"eval", "exec", "compile", "builtins.eval", "builtins.exec"}:
            yield Hole.CODE
        if last == "from_string" or name in {"jinja2.Template", "mako.template.Template"} or method == "from_string":
            yield Hole.TEMPLATE
        if last in {"HTMLResponse", "Markup", "mark_safe"}:
            yield Hole.HTML
        if _LOADS.match(name) or (name == "yaml.load" and not _safe_loader(call)) or name == "yaml.unsafe_load":
            yield Hole.DESERIALISE
        if name in {"importlib.import_module", "__import__"}:
            yield Hole.IMPORT
        if _REGEX.match(name):
            yield Hole.REGEX
        if last == "RedirectResponse" or name in {"flask.redirect", "django.shortcuts.redirect"}:
            yield Hole.REDIRECT
        if method in {"xpath", "findall", "iterfind"} and not name.startswith("re."):
            yield Hole.XPATH
    yield from _commands(call, name, first, dirty, taint)
    yield from _files(call, name, method, first, dirty, taint)
    yield from _addresses(call, name, method, taint)
    if last == "RedirectResponse" and any(one.arg == "url" and taint.holds(one.value) for one in call.keywords):
        yield Hole.REDIRECT
    if last == "HTMLResponse" and any(one.arg == "content" and taint.holds(one.value) for one in call.keywords):
        yield Hole.HTML
    if re.fullmatch(r"search(?:_s|_st|_ext|_ext_s)?", method) and not name.startswith("re.") and len(call.args) >= 3:
        if any(map(taint.holds, call.args[2:])):
            yield Hole.LDAP
    if any(one.arg == "search_filter" and taint.holds(one.value) for one in call.keywords):
        yield Hole.LDAP
    if method in {"find", "find_one", "count_documents", "delete_many", "update_many", "aggregate"}:
        if any(_where(one, taint) for one in call.args):
            yield Hole.NOSQL


def _commands(call: ast.Call, name: str, first: ast.expr | None, dirty: bool, taint: Taint) -> Iterator[Hole]:
    if _SHELLS.match(name) and dirty:
        yield Hole.COMMAND
    elif _PROGRAMS.match(name):
        if isinstance(first, ast.List | ast.Tuple):
            if _after_options(first.elts, taint):
                yield Hole.COMMAND
        elif dirty or (name.startswith(("os.", "asyncio.")) and _after_options(call.args, taint)):
            yield Hole.COMMAND


def _after_options(words: list[ast.expr], taint: Taint) -> bool:
    """Whether the client chooses the program, or a word that can be read as an option: nothing before it is `--`."""
    for word in words:
        if isinstance(word, ast.Constant) and word.value == "--":
            return False
        if isinstance(word, ast.JoinedStr) and isinstance(word.values[0], ast.Constant):
            continue  # `--title={x}` stays one argument
        if taint.holds(word):
            return True
    return False


def _files(call: ast.Call, name: str, method: str, first: ast.expr | None, dirty: bool, taint: Taint) -> Iterator[Hole]:
    if _OPENS.match(name) and (dirty or any(one.arg == "path" and taint.holds(one.value) for one in call.keywords)):
        yield Hole.UPLOAD_NAME if first is not None and _is_upload_name(first) else Hole.FILE
    elif method in _PATH_METHODS and isinstance(call.func, ast.Attribute) and taint.holds(call.func.value):
        yield Hole.FILE
    elif method == "write" and isinstance(call.func, ast.Attribute) and dirty:
        if re.search(r"(?:^|_)log(?:_?file)?$|^logfile", ast.unparse(call.func.value), re.IGNORECASE):
            yield Hole.LOG_LINE


def _is_upload_name(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr == "filename" for one in ast.walk(node))


def _addresses(call: ast.Call, name: str, method: str, taint: Taint) -> Iterator[Hole]:
    at = 1 if method in {"request", "stream"} else 0
    target = call.args[at] if len(call.args) > at else next((o.value for o in call.keywords if o.arg == "url"), None)
    if target is None or not taint.holds(target) or _fixed_host(target):
        return
    if _FETCHES.match(name):
        yield Hole.FETCH
    elif method in _METHODS and isinstance(call.func, ast.Attribute):
        if _CLIENT.search(ast.unparse(call.func.value).rpartition(".")[2]):
            yield Hole.FETCH


def _fixed_host(node: ast.expr) -> bool:
    """`f"https://api.example.com/{x}"`: the client chooses a path at most."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str() as head), *_]):
            return bool(re.match(r"https?://[^/]+/", head))
        case ast.BinOp(left=left):
            return _fixed_host(left) or (
                isinstance(left, ast.Constant) and bool(re.match(r"https?://[^/]+/", str(left.value)))
            )
    return False


def _where(node: ast.expr, taint: Taint) -> bool:
    if not isinstance(node, ast.Dict):
        return False
    pairs = zip(node.keys, node.values, strict=True)
    return any(isinstance(key, ast.Constant) and key.value == "$where" and taint.holds(value) for key, value in pairs)


def _attributes(call: ast.Call, name: str, taint: Taint) -> Iterator[Hit]:
    if name == "setattr" and len(call.args) == 3 and taint.holds(call.args[1]):
        yield Hole.MASS, call, "setattr() gets a name that a client sent."
    if isinstance(call.func, ast.Attribute) and call.func.attr == "update" and call.args and taint.holds(call.args[0]):
        if "__dict__" in ast.unparse(call.func.value) or "vars(" in ast.unparse(call.func.value):
            yield Hole.MASS, call, "The attributes of an object are set from what a client sent."
    for one in call.keywords:
        if one.arg == "headers" and name.rpartition(".")[2].endswith("Response") and isinstance(one.value, ast.Dict):
            if any(map(taint.holds, one.value.values)):
                yield Hole.HEADER, call, "A header of the answer holds text that a client sent."


def _safe_loader(call: ast.Call) -> bool:
    given = [*call.args[1:], *(one.value for one in call.keywords if one.arg == "Loader")]
    return any("Safe" in ast.unparse(one) or "Base" in ast.unparse(one) for one in given)


def _shown(call: ast.Call) -> str:
    text = ast.unparse(call.func)
    return f"{text[:60]}()"
