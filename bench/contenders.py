"""The stacks that are compared, each configured as its own documentation says, and proof that each really refuses.

All of them stand in front of the same FastAPI application, limit requests to a number that is never reached while
times are taken, and let one other origin read answers.

bare      the application alone
glued     what a team puts together today, in this order from outside: TrustedHostMiddleware (two hosts),
          CORSMiddleware (one origin, credentials, two methods, two headers), SecureASGIMiddleware
          (`Secure.with_default_headers()`, its recommended preset), starlette-csrf's CSRFMiddleware (secret, secure
          cookie), slowapi's SlowAPIASGIMiddleware (its faster one; one default limit by client address, fixed window in
          memory, headers on). Left out, since no package of these does it: sizes, content types, paths, client
          identity behind proxies, Fetch Metadata, sessions, error answers, events.
guard     fastapi-guard's PureASGISecurityMiddleware (its faster one) without detection, Redis, agent and logs: rate
          limit by address, banning, security headers, CORS. It has no CSRF check and no host check.
garrison  preset `browser`, every layer enforced but `body`: hosts, one CORS origin with credentials, limits by address
          and by principal, a session in force (kept in memory) whose principal is resolved, and on POST a CSRF token
          bound to it. What detection counts of each answer is on as well.
whole     the same with `body`: the preset as it is.

Each contender brings the cookies and headers that its own check wants; apart from these the requests are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from guard import SecurityConfig
from guard.asgi import PureASGISecurityMiddleware
from pydantic import BaseModel
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware
from slowapi.util import get_remote_address
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette_csrf import CSRFMiddleware

from garrison import harden
from garrison.core.exchange import Principal
from garrison.core.names import STATE_KEY
from garrison.policy.model import Policy

from .asgi import HOST, PARTNER, App, Driver, Request, Response

KEY: Final = secrets.token_hex(32)
_KEY_VARIABLE: Final = "BENCH_ROOT_KEY"
PLENTY: Final = 100_000_000
"""Requests per minute: never reached."""
LOGIN: Final = "/login"
_METHODS: Final = ["GET", "POST"]
os.environ[_KEY_VARIABLE] = KEY


class Item(BaseModel):
    """About 1 KB of JSON."""

    name: str
    price: float
    tags: list[str]
    text: str


BODY: Final = json.dumps(
    {"name": "tea", "price": 4.5, "tags": ["hot", "green", "leaf"], "text": "steep for three minutes " * 39}
).encode()
_TWICE: Final = BODY.replace(b'"price"', b'"name": "coffee", "price"')
GET: Final = Request(query=b"q=green+tea&limit=20")
POST: Final = Request("POST", body=BODY)


def application() -> FastAPI:
    """A GET with a query, a POST of JSON, and a log-in for the contender that keeps sessions."""
    app = FastAPI(openapi_url=None)

    @app.get("/items")
    async def search(q: str = "", limit: int = 10) -> dict[str, Any]:
        return {"query": q, "items": [limit]}

    @app.post("/items")
    async def create(item: Item) -> dict[str, Any]:
        return {"name": item.name, "tags": len(item.tags)}

    @app.get(LOGIN)
    async def log_in(request: FastAPIRequest) -> None:
        await getattr(request.state, STATE_KEY).log_in(Principal("user-1"))

    return app


def with_login(app: App) -> App:
    """`app` with a log-in page in front that hands out a session and a CSRF token."""

    async def logging_in(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "http" or scope["path"] != LOGIN:
            return await app(scope, receive, send)
        await scope["state"][STATE_KEY].log_in(Principal("user-1"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        return await send({"type": "http.response.body", "body": b""})

    return logging_in


@dataclass(frozen=True, slots=True)
class Contender:
    """A stack with the requests it accepts. `check` raises when the stack does not refuse what it has to refuse."""

    name: str
    driver: Driver
    get: Request
    post: Request
    check: Callable[[], None]


class NotRefused(AssertionError):
    """A contender let an attack through, or refused a plain request: its time would mean nothing."""


def _expect(contender: str, what: str, answer: Response, *statuses: int) -> Response:
    if answer.status not in statuses:
        raise NotRefused(f"{contender}: {what} was answered with {answer.status}, not {statuses}")
    return answer


def bare(loop: asyncio.AbstractEventLoop) -> Contender:
    driver = Driver(application(), loop)
    return Contender("bare", driver, GET, POST, lambda: _check_plain("bare", driver, GET, POST))


def _glued(limit: int) -> FastAPI:
    app = application()
    limiter = Limiter(key_func=get_remote_address, default_limits=[f"{limit}/minute"], headers_enabled=True)
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as documented
    app.add_middleware(SlowAPIASGIMiddleware)
    app.add_middleware(CSRFMiddleware, secret=KEY, cookie_secure=True)
    app.add_middleware(SecureASGIMiddleware, secure=Secure.with_default_headers())
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[PARTNER],
        allow_credentials=True,
        allow_methods=_METHODS,
        allow_headers=["content-type", "x-csrftoken"],
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, f"www.{HOST}"])
    return app


def glued(loop: asyncio.AbstractEventLoop) -> Contender:
    driver = Driver(_glued(PLENTY), loop)
    cookie = next(cookie for cookie in driver.ask(GET).cookies() if cookie.startswith("csrftoken="))
    token = (b"x-csrftoken", cookie.partition("=")[2].encode())
    cookies = f"theme=dark; session={'5e55' * 12}; {cookie}"
    get, post = replace(GET, cookies=cookies), replace(POST, cookies=cookies, extra=(token,))

    def check() -> None:
        _check_plain("glued", driver, get, post)
        _check_whole("glued", driver, get, post)
        _check_limit("glued", Driver(_glued(2), loop), get)

    return Contender("glued", driver, get, post, check)


def _guard(limit: int) -> FastAPI:
    config = SecurityConfig(
        enable_redis=False,
        enable_penetration_detection=False,
        enable_rate_limiting=True,
        rate_limit=limit,
        rate_limit_window=60,
        enable_cors=True,
        cors_allow_origins=[PARTNER],
        cors_allow_methods=_METHODS,
        cors_allow_headers=["content-type"],
        cors_allow_credentials=True,
        blacklist=("198.51.100.66",),
    )
    app = application()
    app.add_middleware(PureASGISecurityMiddleware, config=config)
    return app


def guard(loop: asyncio.AbstractEventLoop) -> Contender:
    driver = Driver(_guard(PLENTY), loop)
    cookies = f"theme=dark; session={'5e55' * 12}"
    get, post = replace(GET, cookies=cookies), replace(POST, cookies=cookies)

    def check() -> None:
        _check_plain("guard", driver, get, post)
        _check_headers("guard", driver, get)
        _check_limit("guard", Driver(_guard(2), loop), replace(get, client="203.0.113.77"))
        _check_plain("guard", driver, get, post)  # its limiter is one per process: the check must not have changed it

    return Contender("guard", driver, get, post, check)


UNREAD: Final = {"body": {"mode": "off", "allow_insecure_off": "the benchmark counts what reads bodies apart"}}
"""The stack without inspection, see `overhead`."""


def policy(limit: int = PLENTY, **more: Any) -> Policy:
    """What the stack `whole` runs with: production, everything on, events to nowhere."""
    rate = {"address": (f"{limit}/minute",), "principal": (f"{limit}/minute",)}
    load = {"requests": PLENTY, "least": PLENTY, "most": PLENTY}  # a benchmark is an overload by design
    quiet = {"output": "none", "store": False}
    settings = {"store": "memory", "rate": rate, "load": load, "events": quiet, **more}
    cors = {"origins": (PARTNER,), "credentials": True}
    return Policy(preset="browser", hosts=(HOST, f"www.{HOST}"), key=f"env:{_KEY_VARIABLE}", cors=cors, **settings)


def hardened(
    loop: asyncio.AbstractEventLoop, app: App, limit: int = PLENTY, **more: Any
) -> tuple[Driver, Request, Request]:
    """`app`, which has a log-in, behind Garrison with a session in force: a driver, a GET and a POST that pass."""
    driver = Driver(harden(app, policy(limit, **more)), loop)
    cookies = list(driver.ask(Request("GET", LOGIN)).cookies())
    line = "; ".join(["theme=dark", *cookies])
    token = next(cookie for cookie in cookies if cookie.startswith("__Host-csrf=")).partition("=")[2]
    post = replace(POST, cookies=line, extra=((b"x-csrf-token", token.encode()),))
    return driver, replace(GET, cookies=line), post


def garrison(loop: asyncio.AbstractEventLoop) -> Contender:
    return _garrison("garrison", loop, ambiguous=200, **UNREAD)


def whole(loop: asyncio.AbstractEventLoop) -> Contender:
    return _garrison("whole", loop, ambiguous=400)


def _garrison(name: str, loop: asyncio.AbstractEventLoop, ambiguous: int, **more: Any) -> Contender:
    """`ambiguous` is the answer to JSON that names a key twice."""
    driver, get, post = hardened(loop, application(), **more)

    def check() -> None:
        _check_plain(name, driver, get, post)
        _check_whole(name, driver, get, post)
        foreign = replace(post, extra=(*post.extra, (b"origin", b"https://attacker.example")))
        _expect(name, "a cross-site POST", driver.ask(replace(foreign, drop=frozenset({b"sec-fetch-site"}))), 403)
        _expect(name, "a path with dots", driver.ask(replace(get, path="/a/%2e%2e/items")), 400)
        _expect(name, "a key that comes twice", driver.ask(replace(post, body=_TWICE)), ambiguous)
        _check_limit(name, hardened(loop, application(), limit=3, **more)[0], get)

    return Contender(name, driver, get, post, check)


def _check_plain(name: str, driver: Driver, get: Request, post: Request) -> None:
    _expect(name, "a plain GET", driver.ask(get), 200)
    _expect(name, "a plain POST", driver.ask(post), 200)


_HEADERS: Final = (b"x-content-type-options", b"strict-transport-security")


def _check_headers(name: str, driver: Driver, get: Request, wanted: Iterable[bytes] = _HEADERS) -> None:
    sent = {key for key, _ in _expect(name, "a plain GET", driver.ask(get), 200).headers}
    for header in wanted:
        if header not in sent:
            raise NotRefused(f"{name}: the header {header.decode()} is missing")
    allowed = driver.ask(replace(get, extra=((b"origin", PARTNER.encode()),))).headers
    if (b"access-control-allow-origin", PARTNER.encode()) not in allowed:
        raise NotRefused(f"{name}: CORS does not let {PARTNER} read")


def _check_whole(name: str, driver: Driver, get: Request, post: Request) -> None:
    """Host, CSRF and CORS preflight."""
    _check_headers(name, driver, get, (*_HEADERS, b"content-security-policy"))
    _expect(name, "an unknown host", driver.ask(replace(get, host="attacker.example")), 400, 421)
    _expect(name, "a POST without a token", driver.ask(replace(post, extra=())), 403)
    asked = ((b"origin", b"https://attacker.example"), (b"access-control-request-method", b"POST"))
    _expect(name, "a foreign preflight", driver.ask(replace(get, method="OPTIONS", extra=asked)), 400, 403)


def _check_limit(name: str, driver: Driver, get: Request) -> None:
    answers = [driver.ask(get).status for _ in range(4)]
    if 429 not in answers:
        raise NotRefused(f"{name}: the limit does not hold: {answers}")
