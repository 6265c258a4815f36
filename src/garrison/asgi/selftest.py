"""Try every configured defence once, before the first request.

A configured control that silently does nothing is the commonest failure of this field. So each layer that can refuse
is shown a request it must refuse, and each that writes headers an answer it must change; one that lets its trial
through stops the start. Limits are not tried: that would spend them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..core.ban_table import SELFTEST_KEY
from ..core.errors import OperatorError
from ..core.exchange import Exchange
from ..core.facts import NO_DUPLICATES, Client, Facts, Host
from ..core.layer import Layer
from ..core.ports import Services
from ..core.stack import Stack
from ..core.verdict import Mode, Refuse
from ..layers.origins import open_to_everybody
from .door import Door
from .dress import dress


class ControlSilent(OperatorError):
    """A layer is switched on and did not refuse what it exists to refuse."""

    def __init__(self, layer: str, route: str, attack: str) -> None:
        super().__init__(
            f"The layer {layer!r} is on for the route class {route!r}, but let its self-test through: {attack}.",
            remedy=f"Check the section [{layer}]; if it is meant to do nothing, turn it off with a reason.",
        )
        self.layer = layer
        self.route = route
        self.attack = attack


@dataclass(frozen=True, slots=True)
class Trial:
    """A request `layer` must refuse. `applies` tells from the door whether the policy asks for that."""

    layer: str
    attack: str
    facts: Callable[[], Facts]
    applies: Callable[[Door], bool] = lambda door: True
    body: bytes = b""
    path: Callable[[Door], str] | None = None
    """Where the layer looks, if it does not look everywhere."""


def _facts(
    method: str = "POST",
    path: str = "/",
    raw: bytes = b"/",
    fault: str = "",
    host: Host | None = None,
    headers: dict[bytes, bytes] | None = None,
    count: int = 2,
    client: Client | None = None,
) -> Facts:
    given = {b"host": b"selftest.invalid", **(headers or {})}
    return Facts(
        "http", method, "https", host or Host("selftest.invalid", None, ip=False), path, raw, fault, b"", given,
        NO_DUPLICATES, count, 64, client or Client(None, ""), 0, "selftest", False,
    )  # fmt: skip


_HOSTILE_ORIGIN = {
    b"origin": b"https://attacker.invalid",
    b"sec-fetch-site": b"cross-site",
    b"cookie": b"selftest=1",
}

_HOSTILE_PREFLIGHT = {b"origin": b"https://attacker.invalid", b"access-control-request-method": b"PUT"}

TRIALS: tuple[Trial, ...] = (
    Trial("bans", "a banned client", lambda: _facts(client=Client(None, SELFTEST_KEY))),
    Trial("client", "an unusable forwarding chain", lambda: _facts(client=Client(None, "", "chain-malformed")),
          lambda door: not _health(door)),
    Trial("host", "an unknown host", _facts),
    Trial("method", "TRACE", lambda: _facts("TRACE")),
    Trial("target", "a control character in the path", lambda: _facts(raw=b"/%00", fault="control"),
          lambda door: door.policy.target.control_characters == "refuse"),
    Trial("size", "ten million header lines", lambda: _facts(count=10_000_000)),
    Trial("content", "a body of an undeclared type",
          lambda: _facts(headers={b"content-type": b"x-selftest/x-selftest", b"content-length": b"1"}),
          lambda door: "*/*" not in door.policy.content.types),
    Trial("origin", "a cross-site POST", lambda: _facts(headers=_HOSTILE_ORIGIN)),
    Trial("csrf", "a POST with a cookie and no token",
          lambda: _facts(headers={b"cookie": b"selftest=1", b"content-type": b"application/json"})),
    Trial("cors", "a preflight of a foreign origin", lambda: _facts("OPTIONS", headers=_HOSTILE_PREFLIGHT),
          lambda door: not open_to_everybody(door.policy)),
    Trial("body", "a document with a key twice", lambda: _facts(headers={b"content-type": b"application/json"}),
          body=b'{"a":1,"a":2}'),
    Trial("body", "a form that begins before its boundary",
          lambda: _facts(headers={b"content-type": b"multipart/form-data; boundary=selftest"}), body=b"x" * 99),
    Trial("graphql", "a document whose fragment spreads itself",
          lambda: _facts(headers={b"content-type": b"application/json"}),
          body=b'{"query":"{...a} fragment a on Query{...a}"}', path=lambda door: door.policy.graphql.paths[0]),
    Trial("control", "any request to a disabled route", _facts, lambda door: door.policy.control.disabled),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerTrial:
    """What `layer` must make of an answer that sets a bare cookie: `holds` looks at the headers that would go out."""

    layer: str
    attack: str
    holds: Callable[[Mapping[bytes, bytes]], bool]
    applies: Callable[[Door], bool] = lambda door: True


ANSWER_TRIALS: tuple[AnswerTrial, ...] = (
    AnswerTrial("headers", "an answer without X-Content-Type-Options", lambda sent: b"x-content-type-options" in sent),
    AnswerTrial("csp", "an answer without Content-Security-Policy",
                lambda sent: any(name.startswith(b"content-security-policy") for name in sent)),
    AnswerTrial("cookies", "a cookie that is neither Secure nor HttpOnly",
                lambda sent: b"Secure" in sent[b"set-cookie"] or b"HttpOnly" in sent[b"set-cookie"],
                lambda door: door.policy.cookies.mode is Mode.ENFORCE
                and (door.policy.cookies.secure or door.policy.cookies.http_only)),
)  # fmt: skip


def selftest(doors: Sequence[Door], services: Services) -> None:
    """Try each layer of each door. Raises `ControlSilent`."""
    for door in doors:
        for trial in TRIALS:
            layer = door.stack.find(trial.layer)
            if layer is None or layer.mode is Mode.OFF or not trial.applies(door):
                continue
            if not _refuses(layer, trial, door, services):
                raise ControlSilent(trial.layer, door.name, trial.attack)
        _try_answers(door, services)


def _try_answers(door: Door, services: Services) -> None:
    page = [(b"content-type", b"text/html"), (b"set-cookie", b"garrison-selftest=1")]
    for trial in ANSWER_TRIALS:
        layer = door.stack.find(trial.layer)
        if layer is None or not trial.applies(door):
            continue
        alone = Stack.build((layer,))  # a layer of the user's may need more of a request than a trial has
        if not trial.holds(dict(dress(alone, Exchange(_facts("GET"), services), 200, page))):
            raise ControlSilent(trial.layer, door.name, trial.attack)


def _refuses(layer: Layer, trial: Trial, door: Door, services: Services) -> bool:
    facts = trial.facts()
    if trial.path is not None:
        facts.path = trial.path(door)
    exchange = Exchange(facts, services)
    return any(isinstance(verdict, Refuse) for verdict in _verdicts(layer, facts, exchange, trial.body))


def _verdicts(layer: Layer, facts: Facts, exchange: Exchange, body: bytes) -> Iterable[object]:
    if layer.decide is not None:
        yield layer.decide(facts)
    if layer.toll is not None:
        yield layer.toll(facts, exchange)
    if layer.peek is not None and (wish := layer.peek(facts)) is not None:
        yield wish.judge(body, True)
    if body and layer.watch is not None and (check := layer.watch(facts, exchange)) is not None:
        yield check(body)


def _health(door: Door) -> bool:
    return door.policy.route is not None and door.policy.route.health
