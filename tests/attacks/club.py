"""A victim for attacks on log-ins: a club whose members have passwords, once as it should be and once as it often is.

`Club` takes what Garrison offers. `NaiveClub` is the control: it tells who is a member, hashes for members alone, and
locks an account after five failures, whoever caused them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from garrison import Policy, harden
from garrison.accounts import Passwords, Stored, WrongPassword, accounts_of
from garrison.core.exchange import Principal
from garrison.core.verdict import Refuse
from garrison.policy.model import PasswordsSection

HOST = "club.example"
WRONG = "Login or password is wrong."
CREATED = "If the address was not taken, your account is ready."
SENT = "If there is such an account, a mail is on its way."
_OFF = {"mode": "off", "allow_insecure_off": "these attacks come from no browser"}


class Club:
    """The application, and its members by login. Rows are made beforehand: looking one up takes the time of a miss."""

    def __init__(self) -> None:
        self.members: dict[str, Stored] = {}
        self.mails: list[str] = []
        self.app = Starlette(
            routes=[
                Route("/", self.home),
                Route("/log-in", self.form),
                Route("/log-in", self.log_in, methods=["POST"]),
                Route("/log-out", self.log_out, methods=["POST"]),
                Route("/sign-up", self.sign_up, methods=["POST"]),
                Route("/recover", self.recover, methods=["POST"]),
            ]
        )

    async def home(self, request: Request) -> Response:
        principal = request.state.garrison.principal
        return PlainTextResponse(principal.id if principal else "", 200 if principal else 401)

    async def form(self, request: Request) -> Response:
        return PlainTextResponse(request.state.garrison.csrf_token)

    def join(self, login: str, password_hash: str) -> None:
        self.members[login] = Stored(Principal(login), password_hash)

    async def find(self, login: str) -> Stored | None:
        return self.members.get(login)

    async def log_in(self, request: Request) -> Response:
        login, password = await _sent(request)
        exchange = request.state.garrison
        outcome = await accounts_of(exchange).log_in(exchange, login, password, self.find)
        if isinstance(outcome, Refuse):
            exchange.refuse(outcome)
            return Response()
        if isinstance(outcome, WrongPassword):
            return PlainTextResponse(WRONG, 401)
        return PlainTextResponse("welcome")

    async def log_out(self, request: Request) -> Response:
        await request.state.garrison.log_out()
        return PlainTextResponse("bye")

    async def sign_up(self, request: Request) -> Response:
        login, password = await _sent(request)
        exchange = request.state.garrison
        accounts = accounts_of(exchange)

        async def work() -> None:
            if login in self.members:
                self.mails.append(f"{login}: you have an account already")
            else:
                self.join(login, await accounts.passwords.hash(password))

        return self._answer(exchange, await accounts.requests.accept(exchange, login, work), CREATED)

    async def recover(self, request: Request) -> Response:
        login, _ = await _sent(request)
        exchange = request.state.garrison
        accounts = accounts_of(exchange)

        async def work() -> None:
            if login in self.members:
                self.mails.append(f"{login}: {await accounts.recovery.issue(login)}")

        return self._answer(exchange, await accounts.requests.accept(exchange, login, work), SENT)

    def _answer(self, exchange: Any, refusal: Refuse | None, text: str) -> Response:
        if refusal is not None:
            exchange.refuse(refusal)
        return PlainTextResponse(text)


class NaiveClub(Club):
    """The control."""

    def __init__(self, passwords: Passwords, *, locks: bool = False) -> None:
        super().__init__()
        self.passwords = passwords
        self.locks = locks
        self.failures: dict[str, int] = {}

    async def log_in(self, request: Request) -> Response:
        login, password = await _sent(request)
        if self.locks and self.failures.get(login, 0) >= 5:
            return PlainTextResponse("This account is locked.", 423)
        kept = self.members.get(login)
        if kept is None:
            return PlainTextResponse("There is no such member.", 404)
        if not await self.passwords.verify(kept.password_hash, password):
            self.failures[login] = self.failures.get(login, 0) + 1
            return PlainTextResponse("The password is wrong.", 401)
        await request.state.garrison.log_in(Principal(login))
        return PlainTextResponse("welcome")

    async def sign_up(self, request: Request) -> Response:
        login, _ = await _sent(request)
        return JSONResponse({"taken": login in self.members}, 409 if login in self.members else 201)

    async def recover(self, request: Request) -> Response:
        login, _ = await _sent(request)
        return PlainTextResponse(SENT if login in self.members else "There is no such member.")


async def _sent(request: Request) -> tuple[str, str]:
    form = json.loads(await request.body())
    return str(form["login"]), str(form.get("password", ""))


def guard(club: Club, state: Path, clock: Any = None, **policy: Any) -> Any:
    """`club` behind Garrison; log-ins hash cheaply unless `passwords` says otherwise."""
    values: dict[str, Any] = {
        "preset": "testing", "environment": "development", "hosts": (HOST,), "state": str(state), "store": "memory",
        "csrf": _OFF, "passwords": {"profile": "testing", "waiting": 1000}, **policy,
    }  # fmt: skip
    return harden(club.app, Policy(**values), **({"clock": clock} if clock is not None else {}))


def cheap() -> Passwords:
    return Passwords(PasswordsSection(profile="testing", waiting=1000), development=True)


class Answer:
    """What came back. `told` is all of it but for the request's id, which differs between any two answers."""

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body

    def cookie(self, name: bytes) -> bytes:
        lines = [value for key, value in self.headers if key == b"set-cookie" and value.startswith(name + b"=")]
        return lines[-1].split(b";")[0] if lines else b""

    @property
    def told(self) -> tuple[int, tuple[tuple[bytes, bytes], ...], bytes]:
        known = dict(self.headers).get(b"x-request-id", b"no id")
        return self.status, tuple((n, v) for n, v in self.headers if v != known), self.body.replace(known, b"")


async def send(
    app: Any, path: str, form: Mapping[str, str] | None = None, *, address: str = "203.0.113.9",
    cookies: Iterable[bytes] = (), headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    """One request, straight into the application: nothing between that would take time of its own."""
    body = b"" if form is None else json.dumps(form).encode()
    lines = [(b"host", HOST.encode()), (b"user-agent", b"attack/1"), (b"accept", b"application/json")]
    if form is not None:
        lines += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if cookies:
        lines.append((b"cookie", b"; ".join(cookies)))
    lines += [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": lines, "state": {},
        "method": "GET" if form is None else "POST", "client": (address, 1), "server": (HOST, 443),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def keep(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    return Answer(sent[0]["status"], sent[0]["headers"], b"".join(part.get("body", b"") for part in sent[1:]))


async def log_in(app: Any, login: str, password: str, **options: Any) -> Answer:
    return await send(app, "/log-in", {"login": login, "password": password}, **options)


def address(number: int) -> str:
    """The `number`th address of a botnet: each in a network of its own."""
    return f"{11 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.7"
