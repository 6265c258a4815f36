"""Holes that are no single call: secrets in the source, comparisons, handlers, asserts, settings (G118, G2xx)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from .code_calls import SECRET_NAME
from .code_module import Function, Module, arguments_of
from .code_rules import Hole

Hit = tuple[Hole, ast.AST, str]
_PLACEHOLDER: Final = re.compile(
    r"^$|\s|^<|\$\{|\{\{|^x+$|^\*+$|change|example|placeholder|your|dummy|test|fake|sample|secret$|^password$|^token$|todo|none"
    r"|://|^/|^[a-z_.-]+$|%s|^[A-Z_]+$",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(
    r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[baprs]-[A-Za-z0-9-]{20,}|\bsk_live_[A-Za-z0-9]{16,}"
    r"|\bAIza[0-9A-Za-z_-]{35}\b|-----BEGIN (?:RSA |EC |OPENSSH |)PRIVATE KEY-----"
)
_COMPARED: Final = re.compile(
    r"(?:^|_)(?:signature|hmac|digest|mac|csrf(?:_?token)?|(?:api|secret)_?key|secret|(?:expected|stored|valid)_\w*(?:token|hash))$"
    r"|^(?:token|password)_hash$", re.IGNORECASE
)  # fmt: skip
_ALLOWS: Final = re.compile(
    r"allow|permit|authori[sz]|authenti|(?:^|_)(?:may|can)(?:_|$)|is_(?:admin|valid|owner|ours|member|trusted)|has_(?:right|perm|role|scope|access)"
    r"|verif|validate_(?:token|sig)|check_(?:pass|token|sig|access|perm)", re.IGNORECASE
)  # fmt: skip
_GUARDS: Final = re.compile(
    r"admin|is_(?:staff|owner|superuser|active|authenticated)|permission|has_(?:perm|role|scope)|authori[sz]ed", re.I
)
_ROLE_HEADER: Final = re.compile(r"role|admin|(?:^|-)(?:user(?:-?id)?|groups?|scopes?|tenant)$", re.IGNORECASE)
_SECURITY: Final = re.compile(
    r"auth|token|sign|verif|passw|permission|user_of|current_user|login|session|decrypt|csrf|access", re.I
)


def shapes(module: Module) -> Iterator[Hit]:
    """What is wrong about the statements of a file."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=ast.Constant(value=str() as text)
            ):
                yield from _secret(node, name, text)
            case ast.AnnAssign(
                target=ast.Name(id=name) | ast.Attribute(attr=name), value=ast.Constant(value=str() as text)
            ):
                yield from _secret(node, name, text)
            case ast.keyword(arg=str() as name, value=ast.Constant(value=str() as text)):
                yield from _secret(node.value, name, text)
            case ast.Compare():
                yield from _compared(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _handlers(node)
                yield from _answers(node)
                yield from _asserts(node)
                yield from _role_parameters(node)
            case ast.Assign(targets=[ast.Attribute(attr="check_hostname")], value=ast.Constant(value=False)):
                yield Hole.TLS, node, "check_hostname = False: any certificate will do."
            case ast.Assign(targets=[ast.Attribute(attr="verify_mode")], value=value) if "CERT_NONE" in ast.unparse(
                value
            ):
                yield Hole.TLS, node, "verify_mode = CERT_NONE."
            case ast.Constant(value=str() as text) if _KEYS.search(text):
                yield Hole.SECRET, node, "A key of a known provider stands in the source."


def _secret(node: ast.AST, name: str, text: str) -> Iterator[Hit]:
    if _KEYS.search(text) or not SECRET_NAME.search(name) or _PLACEHOLDER.search(text) or len(text) < 8:
        return
    if re.search(
        r"url|name|header|field|path|type|param|prefix|cookie|label|id$|env|scheme|algorithm|issuer|hint", name, re.I
    ):
        return
    if len(set(text)) >= 6 and re.search(r"\d", text):
        yield Hole.SECRET, node, f"{name} is written in the source."


def _compared(node: ast.Compare) -> Iterator[Hit]:
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    sides = (node.left, node.comparators[0])
    names = [_name(one) for one in sides]
    constants = [one.value for one in sides if isinstance(one, ast.Constant)]
    if constants:
        text = constants[0]
        if isinstance(text, str) and any(re.search(r"passw|secret|api_?key|passphrase", one, re.I) for one in names):
            if len(text) >= 6 and re.search(r"\d|[^\w\s]", text) and not re.search(r"\s", text):
                yield Hole.SECRET, node, "A password stands in the source, and is compared with what came."
        yield from _role(node, sides, text)
        return
    if any(_COMPARED.search(one) for one in names) and all(names):
        yield Hole.TIMING, node, f"{ast.unparse(node)[:60]} stops at the first difference."


def _role(node: ast.AST, sides: tuple[ast.expr, ast.expr], text: object) -> Iterator[Hit]:
    for side in sides:
        match side:
            case (
                ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="headers"), attr="get"),
                    args=[ast.Constant(value=str() as header), *_],
                )
                | ast.Subscript(value=ast.Attribute(attr="headers"), slice=ast.Constant(value=str() as header))
            ) if _ROLE_HEADER.search(header):
                yield Hole.TRUSTED_HEADER, node, f"The header {header[:40]} decides what may be done."


def _role_parameters(function: Function) -> Iterator[Hit]:
    """A parameter that FastAPI fills from such a header, compared with what stands in the source."""
    roles = {one.arg: header for one, default in arguments_of(function) if (header := _header_of(one, default))}
    for node in ast.walk(function) if roles else ():
        match node:
            case ast.Compare(
                left=ast.Name(id=name), ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=text)]
            ):
                decides = name in roles and bool(text)
            case ast.Compare(left=ast.Name(id=name), ops=[ast.In() | ast.NotIn()], comparators=[written]):
                # A list of tenants or users may only say which there are.
                decides = "role" in roles.get(name, "") or "admin" in roles.get(name, "")
                decides = decides and isinstance(written, ast.Tuple | ast.List | ast.Set)
            case _:
                continue
        if decides:
            yield Hole.TRUSTED_HEADER, node, f"The header {roles[name][:40]} decides what may be done."


def _header_of(argument: ast.arg, default: ast.expr | None) -> str:
    """The name of the header that fills a parameter, where it says a role; else empty."""
    noted = argument.annotation.slice if isinstance(argument.annotation, ast.Subscript) else None
    for one in (default, *(noted.elts[1:] if isinstance(noted, ast.Tuple) else ())):
        if isinstance(one, ast.Call) and _name(one.func) == "Header":
            alias = next((word.value for word in one.keywords if word.arg == "alias"), None)
            told = str(alias.value) if isinstance(alias, ast.Constant) else argument.arg.replace("_", "-")
            return told if _ROLE_HEADER.search(told) else ""
    return ""


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Call(func=ast.Attribute(attr="hexdigest" | "digest")):
            return "digest"
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as name), *_]):
            return name.replace("-", "_")
    return ""


def _handlers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Hit]:
    for node in ast.walk(function):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
        last = node.body[-1]
        if _ALLOWS.search(function.name) and isinstance(last, ast.Return) and isinstance(last.value, ast.Constant):
            if last.value.value is True:
                yield Hole.FAIL_OPEN, last, f"{function.name} says yes when it fails."
        if broad and len(node.body) == 1 and isinstance(last, ast.Pass) and _SECURITY.search(function.name):
            yield Hole.SWALLOWED, node, f"{function.name} goes on after any failure, and tells nobody."


def _answers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Hit]:
    for node in ast.walk(function):
        given: ast.expr | None = None
        match node:
            case ast.Return(value=ast.expr() as value):
                given = value
            case ast.Raise(exc=ast.Call(func=ast.Name(id="HTTPException")) as value):
                given = value
        if given is not None and re.search(r"traceback\.(?:format_exc|format_exception)\b", ast.unparse(given)):
            if function.decorator_list or isinstance(node, ast.Raise):
                yield Hole.TRACE, node, "The traceback goes to the client."


def _asserts(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Hit]:
    if function.name.startswith("test"):
        return
    for node in function.body:
        if not isinstance(node, ast.Assert) or re.fullmatch(r"self\.\w+", said := ast.unparse(node.test)):
            continue  # `assert self.admin`: that an object is there, for type checkers
        if _GUARDS.search(said):
            yield Hole.ASSERT, node, f"assert {ast.unparse(node.test)[:60]}"
