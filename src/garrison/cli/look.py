"""What can be seen of an application from outside: its middleware and its routes.

Works on Starlette and everything built on it. Nothing of the application is called except FastAPI's own route listing;
what can't be seen is left out, and `garrison init` says what it saw.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..asgi.onion import Onion
from ..policy.example import AppFacts, Cors
from ..policy.rules_docs import documentation_pages

_LOGIN = re.compile(
    r"(?:^|[/_-])(?:log-?in|sign-?in|sign-?up|register|token|password|passwd|forgot|otp|2fa|mfa)(?:$|[/_.-])"
)
_HEALTH = re.compile(
    r"(?:^|/)_?(?:health|healthz|healthcheck|health-check|live|livez|liveness|ready|readyz|readiness|ping)$"
)
_PARAMETER = re.compile(r"\{[^}:]*(?P<kind>:[^}]*)?\}")
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class _Seen:
    """Collected on the walk over the routes."""

    paths: dict[str, list[str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    def note(self, kind: str, pattern: str) -> None:
        kept = self.paths.setdefault(kind, [])
        if pattern not in kept:
            kept.append(pattern)

    def get(self, kind: str) -> tuple[str, ...]:
        return tuple(self.paths.get(kind, ()))


def look(app: object, reference: str) -> AppFacts:
    """What is seen of `app`, hardened or not."""
    target = app.app if isinstance(app, Onion) else app
    middleware = list(_middleware(target))
    seen = _Seen()
    for path, route in _routes(getattr(target, "routes", ())):
        _note(seen, path, route)
    names = {name for name, _ in middleware}
    return AppFacts(
        reference=reference,
        framework=_framework(target),
        cookies="SessionMiddleware" in names or "cookies" in seen.flags,
        pages="pages" in seen.flags,
        bearer="bearer" in seen.flags,
        cors=next((_cors(options) for name, options in middleware if name == "CORSMiddleware"), None),
        hosts=next((_hosts(options) for name, options in middleware if name == "TrustedHostMiddleware"), ()),
        forms=seen.get("forms"),
        uploads=seen.get("uploads"),
        logins=seen.get("logins"),
        health=seen.get("health"),
        websockets=seen.get("websockets"),
        docs="docs" in seen.flags,
        docs_page=next(documentation_pages(target), "/docs" if "docs" in seen.flags else ""),
    )


def _framework(app: object) -> str:
    names = [kind.__name__ for kind in type(app).__mro__]
    return next((name for name in ("FastAPI", "Starlette") if name in names), "")


def _middleware(app: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in getattr(app, "user_middleware", ()):
        yield getattr(entry.cls, "__name__", ""), getattr(entry, "kwargs", {})


def _cors(options: Mapping[str, Any]) -> Cors:
    origins = tuple(map(str, options.get("allow_origins", ())))
    pattern = str(options.get("allow_origin_regex") or "")
    return Cors(origins, bool(options.get("allow_credentials", False)), pattern)


def _hosts(options: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(host) for host in options.get("allowed_hosts") or () if host != "*")


def _routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and route, down through mounts and included routers."""
    listing: Callable[[list[Any]], Iterable[Any]] | None = getattr(
        sys.modules.get("fastapi.routing"), "iter_route_contexts", None
    )
    for route in listing(list(routes)) if listing else routes:
        path = prefix + (getattr(route, "path", None) or "")
        below = getattr(route, "routes", None)
        if isinstance(below, (list, tuple)) and below:
            yield from _routes(below, path)
        else:
            yield path, route


def _note(seen: _Seen, path: str, route: Any) -> None:
    pattern = to_pattern(path)
    methods = getattr(route, "methods", None)
    if not pattern:
        return
    if methods is None:
        kind = type(getattr(route, "original_route", route)).__name__
        if "WebSocket" in kind:
            seen.note("websockets", pattern)
        return
    endpoint = getattr(route, "endpoint", None)
    if getattr(endpoint, "__module__", "").startswith("fastapi.") and path in {"/docs", "/redoc"}:
        seen.flags.add("docs")
        return
    if getattr(endpoint, "__qualname__", "").startswith("FastAPI.setup."):
        seen.flags |= {"docs"} if path in {"/docs", "/redoc"} else set()
        return
    _note_paths(seen, pattern, path, set(methods))
    _note_flags(seen, route, endpoint)
    if set(methods) & _UNSAFE:
        for kind in _body_kinds(route):
            seen.note(kind, pattern)


def _note_paths(seen: _Seen, pattern: str, path: str, methods: set[str]) -> None:
    if "POST" in methods and _LOGIN.search(path.lower()):
        seen.note("logins", pattern)
    if "GET" in methods and "*" not in pattern and _HEALTH.search(path.lower()):
        seen.note("health", pattern)


def _note_flags(seen: _Seen, route: Any, endpoint: object) -> None:
    response = getattr(route, "response_class", None)
    html = "HTML" in getattr(getattr(response, "value", response), "__name__", "")
    globals_ = getattr(endpoint, "__globals__", {})
    if html or any(type(value).__name__ in {"Jinja2Templates", "Templates"} for value in list(globals_.values())):
        seen.flags.add("pages")
    for dependant in _dependants(getattr(route, "dependant", None)):
        if getattr(dependant, "cookie_params", None):
            seen.flags.add("cookies")
        scheme = type(getattr(dependant, "call", None)).__name__
        if scheme == "APIKeyCookie":
            seen.flags.add("cookies")
        elif scheme.startswith(("HTTPBearer", "OAuth2", "OpenIdConnect", "APIKeyHeader")):
            seen.flags.add("bearer")


def _dependants(dependant: Any) -> Iterator[Any]:
    if dependant is not None:
        yield dependant
        for below in getattr(dependant, "dependencies", ()):
            yield from _dependants(below)


def _body_kinds(route: Any) -> set[str]:
    kinds = set()
    for dependant in _dependants(getattr(route, "dependant", None)):
        for parameter in getattr(dependant, "body_params", ()):
            name = type(parameter.field_info).__name__
            if name in {"File", "Form"}:
                kinds.add("uploads" if name == "File" else "forms")
    return {"uploads"} if "uploads" in kinds else kinds


def to_pattern(path: str) -> str:
    """A route's path as a pattern of route classes: `/notes/{id}` is `/notes/*`; empty when it can't be one."""
    parts = []
    for part in path.split("/"):
        match = _PARAMETER.search(part)
        if match is None:
            parts.append(part)
        elif (match["kind"] or "").startswith(":path"):
            parts.append("**")
            break
        elif match[0] == part:
            parts.append("*")
        else:
            return ""  # a parameter inside a segment
    pattern = "/".join(parts)
    return pattern if pattern.startswith("/") else ""
