"""Who may: state changes without authentication, by cookie without a CSRF defence, and what costs without a limit.

An endpoint counts as protected by a declared access (`garrison.fastapi`), a security scheme of FastAPI, a dependency,
decorator or middleware that is called as such things are called, or code of its own that asks who is there. Names
decide where types can't, in doubt for the application: lets pass a dependency `get_current_user` that lets all in.
An application that asks nobody anywhere is one finding, not one for each route.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.verdict import Mode
from ..findings.record import Finding
from ..findings.severity import Confidence, Severity
from ..policy.model import Policy
from .routes_catalogue import Rule, at
from .routes_endpoint import Code, Endpoint, Place

_ASKS: Final = re.compile(
    r"auth(?!or(?!i[sz])|entic_)|current_?(?:active_?)?(?:super_?)?user|log_?in_required|logged_?in|permission|principal"
    r"|(?<!de)requires?_|verify_|check_(?:access|token|key|user|admin|rights|signature)|(?:api|admin|invoice|wallet)_?key"
    r"|bearer|(?:access|session|id|admin|api|csrf|secret)_?token|signature|webhook_secret|is_(?:super|admin|staff)|superuser"
    r"|credential|ensure_(?:user|admin|owner|logged)|guard|protect|acl|rbac|access_control|get_user(?:_id)?$|identity",
    re.I,
)
_LOGIN: Final = re.compile(
    r"(?:^|[/_-])(?:log-?in|sign-?in|sign-?up|register|registration|token|password|passwd|forgot|reset|otp|2fa|mfa|logout"
    r"|log-?out|callback|first_install|setup|refresh|invite)(?:$|[/_.-])"
)
_GUESSED: Final = re.compile(r"(?:^|[/_-])(?:log-?in|sign-?in|token|password|otp|2fa|mfa|forgot)(?:$|[/_.-])")
_LIMITS: Final = re.compile(r"limit(?!less)|throttl|quota", re.I)
_COOKIE: Final = re.compile(r"\.cookies\b|\.session\b|set_cookie")
_CSRF: Final = re.compile(r"csrf|xsrf|CrossOrigin|same_?origin", re.I)
_DEEPEST: Final = 5
_READS: Final = re.compile(
    r"^_?(?:get|list|read|search|query|filter|count|find|fetch|validate|preview|check|render|estimate|history|paginate|lint"
    r"|compute|statistics|stats|feature|is|has|test|verify|parse|format|diff|compare|health)(?:_|$)",
    re.I,
)
"""Functions that answer a question, though it comes by POST because it is long."""
_MANY: Final = 10
_PROGRAMS: Final = frozenset({"subprocess"})
_MODELS: Final = ("chat.completions.create", "messages.create", "completion", "acompletion")


@dataclass(frozen=True)
class Application:
    """What holds for all endpoints: the policy in force for a path, and the application's middleware.

    `policy_of(path, method)` is None where the application is not behind `harden`.
    """

    policy_of: Callable[[str, str], Policy | None]
    middleware: tuple[object, ...] = ()
    words: str = field(default="", repr=False)
    """Names and own source of the middleware, to be searched."""

    @property
    def authenticates(self) -> bool:
        return bool(re.search(r"authenticat|authoriz|unauthori[sz]ed|\b401\b|BasicAuth|check_access", self.words, re.I))

    @property
    def limits(self) -> bool:
        return bool(_LIMITS.search(" ".join(_called(one) for one in self.middleware)))

    @property
    def checks_csrf(self) -> bool:
        return bool(_CSRF.search(self.words))


def middleware_of(app: object, depth: int = 0) -> tuple[object, ...]:
    """The classes and functions of an application's middleware, and those of mounted applications.

    One that guards a mount alone counts for the whole: in doubt for the application.
    """
    found: list[object] = []
    for entry in getattr(app, "user_middleware", ()):
        found += [entry.cls, *(value for value in getattr(entry, "kwargs", {}).values() if callable(value))]
    for route in getattr(app, "routes", ()) if depth < _DEEPEST else ():
        if getattr(route, "endpoint", None) is None:
            found += middleware_of(getattr(route, "app", None), depth + 1)
    return tuple(found)


def words_of(middleware: Sequence[object], own: Callable[[object], bool]) -> str:
    """What middleware is called, and the source of that which is the application's own."""
    parts = []
    for one in middleware:
        parts.append(_called(one))
        if own(one):
            try:
                parts.append(inspect.getsource(one))  # type: ignore[arg-type]  # asked of classes and functions
            except (OSError, TypeError):
                continue
    return " ".join(parts)


def _called(thing: object) -> str:
    thing = getattr(thing, "func", thing) if type(thing).__name__ == "partial" else thing
    kind = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"


def asks_who(endpoint: Endpoint, app: Application) -> bool:
    """Whether anything before or in the endpoint looks like authentication, or says that everybody may."""
    if endpoint.route.access or app.authenticates:
        return True
    if any(_is_scheme(call) or _ASKS.search(_last(call)) for call in endpoint.calls[:-1]):
        return True
    if any(_ASKS.search(one.name) for one in endpoint.parameters if one.place is not Place.PATH):
        return True
    return any(_asks_in_code(one) for one in endpoint.code)


def _is_scheme(call: object) -> bool:
    """A security scheme of FastAPI (`HTTPBearer`, `OAuth2PasswordBearer`, …)."""
    return any(one.__name__ == "SecurityBase" for one in type(call).__mro__)


def _last(call: object) -> str:
    """The name of a dependency, and of the class of one that is an object."""
    return _called(call).rpartition(".")[2] if inspect.isroutine(call) else _called(call)


def _asks_in_code(code: Code) -> bool:
    for decorator in code.node.decorator_list:
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _ASKS.search(ast.unparse(inner)) or ast.unparse(inner).rpartition(".")[2] == "requires":
            return True
    for node in code.body():
        match node:
            case ast.Attribute(value=ast.Name(id="request" | "req" | "conn"), attr="user" | "auth" | "session"):
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if _ASKS.search(name):
                return True
            case ast.Constant(value=str() as text) if text.lower() in ("authorization", "x-api-key"):
                return True
            case ast.Attribute(attr="HTTP_401_UNAUTHORIZED" | "HTTP_403_FORBIDDEN"):
                return True
            case ast.keyword(arg="status_code", value=ast.Constant(value=401 | 403)):
                return True
    return False


def is_entrance(endpoint: Endpoint) -> bool:
    """Log-in, sign-up and their like: nobody can be known there yet."""
    return bool(_LOGIN.search(endpoint.path.lower()))


def authentication(endpoints: Sequence[Endpoint], app: Application) -> Iterator[Finding]:
    """R008, for all endpoints together."""
    changing = [one for one in endpoints if one.changes and not is_entrance(one) and not _only_reads(one)]
    open_ones = [one for one in changing if not asks_who(one, app)]
    if not open_ones:
        return
    if len(open_ones) > max(_MANY, len(changing) / 2) or not any(asks_who(one, app) for one in endpoints):
        names = ", ".join(one.name for one in open_ones[:5]) + (" …" if len(open_ones) > 5 else "")
        message = f"Of {len(changing)} endpoints that change state, {len(open_ones)} ask nobody who is there: {names}"
        yield Rule.NO_AUTHENTICATION.found(f"{message}.", _place(open_ones[0], "the application"))
        return
    for one in open_ones:
        message = "Nothing before it or in it asks who is there; other endpoints do."
        yield Rule.NO_AUTHENTICATION.found(message, _place(one), confidence=Confidence.MEDIUM)


def _only_reads(endpoint: Endpoint) -> bool:
    """Whether an endpoint is called like a question, and neither its path nor its method say otherwise; or
    answers without a call, and sets nothing that outlives it."""
    main = endpoint.main
    if main is None:
        return False
    if isinstance(main.node.body[-1], ast.Return) and not any(_may_change(node) for node in main.body()):
        return True
    name = main.node.name
    return name.startswith("redirect") or (endpoint.methods == {"POST"} and bool(_READS.search(name)))


def _may_change(node: ast.AST) -> bool:
    match node:
        case ast.Call() | ast.Await() | ast.Delete() | ast.Global() | ast.Nonlocal() | ast.Yield():
            return True
        case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
            return True
    return False


def _place(endpoint: Endpoint, key: str = "") -> Any:
    main = endpoint.main
    return at(main.path if main else None, main.line if main else None, key or endpoint.name)


def csrf(endpoint: Endpoint, app: Application) -> Iterator[Finding]:
    """R009: a cookie says who is there, and nothing looks where the request comes from."""
    if not endpoint.changes or app.checks_csrf or is_entrance(endpoint) or not (seen := _cookie(endpoint)):
        return
    policy = app.policy_of(endpoint.path, next(iter(sorted(endpoint.methods - {"GET", "HEAD"}))))
    if policy and (policy.csrf.mode is Mode.ENFORCE or policy.origin.mode is Mode.ENFORCE):
        return
    if any(_CSRF.search(_called(call)) for call in endpoint.calls) or any(
        _CSRF.search(ast.unparse(one.node)) for one in endpoint.code
    ):
        return
    yield Rule.NO_CSRF.found(f"It knows its callers by {seen}.", _place(endpoint), confidence=Confidence.MEDIUM)


def _cookie(endpoint: Endpoint) -> str:
    """What ambient authority the endpoint reads, in words; empty if none is seen."""
    if any(type(call).__name__ == "APIKeyCookie" for call in endpoint.calls):
        return "a cookie (APIKeyCookie)"
    if named := [one.name for one in endpoint.parameters if one.place is Place.COOKIE]:
        return f"the cookie `{named[0]}`"
    for code in endpoint.code:
        for node in code.body():
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr="session" | "cookies" as what) if name in (
                    "request", "req", "conn", "r",
                ):  # fmt: skip
                    return f"`{name}.{what}`"
    return ""


def limits(endpoints: Sequence[Endpoint], app: Application) -> Iterator[Finding]:
    """R013: password guessing and programs that are started, without any limit in sight."""
    found = [(one, why) for one in endpoints if (why := _expensive(one)) and not _is_limited(one, app)]
    for one, why in found:
        severity = Severity.MEDIUM if why.startswith("guess") else Severity.LOW
        yield Rule.NO_LIMIT.found(f"It {_WHY[why]}.", _place(one), severity=severity, confidence=Confidence.MEDIUM)


_WHY: Final = {
    "guess": "takes what can be guessed (a password, a code, a token)",
    "program": "starts a program",
    "model": "asks a language model",
}


def _expensive(endpoint: Endpoint) -> str:
    secrets = [one for one in endpoint.parameters if one.place in (Place.FORM, Place.BODY)]
    if endpoint.changes and secrets and _GUESSED.search(endpoint.path.lower()) and not _protected(endpoint):
        return "guess"
    if endpoint.changes and endpoint.main and not _protected(endpoint):
        for node in endpoint.main.body():
            if isinstance(node, ast.Call):
                meaning = endpoint.main.meaning(node.func)
                module = str(getattr(meaning, "__module__", "") or "").partition(".")[0]
                if module in _PROGRAMS or getattr(meaning, "__name__", "") in (
                    "create_subprocess_exec",
                    "create_subprocess_shell",
                ):
                    return "program"
                if ast.unparse(node.func).endswith(
                    ("chat.completions.create", "messages.create", "completion", "acompletion")
                ):
                    return "model"
    return ""


def _protected(endpoint: Endpoint) -> bool:
    """Whether somebody has to be known first: a log-in form's own OAuth2PasswordRequestForm is no protection."""
    return any(not one.anybody for one in endpoint.route.access) or any(
        _is_scheme(call) for call in endpoint.calls[:-1]
    )


def _is_limited(endpoint: Endpoint, app: Application) -> bool:
    policy = app.policy_of(endpoint.path, next(iter(sorted(endpoint.methods))))
    if app.limits or (policy and policy.rate.mode is Mode.ENFORCE and policy.rate.address):
        return True
    decorators = [ast.unparse(each) for one in endpoint.code for each in one.node.decorator_list]
    return any(_LIMITS.search(text) for text in (*decorators, *map(_called, endpoint.calls)))
