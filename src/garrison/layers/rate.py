"""Requests per time: by client address before the principal is known, by principal afterwards.

Threat: one client takes the service from the others, guesses passwords or scrapes. OWASP API Security 2023, API4
(unrestricted resource consumption); ASVS 5.0, 2.4.1 and 6.3.1.

Assumption: `facts.client.key` is not chosen by the client (the client layer sees to that) and the principal is
verified. Limits count before routing, by client and route class and never by path, so 404s, mounts and other spellings
of a path count like anything else.

Lets pass: many addresses with few requests each; clients without a key (a trusted proxy's own requests, Unix sockets),
whom nobody could tell apart. An IPv6 client holds whole networks, so each limit also counts the client's /56 and /48,
at 8 and 64 times the rate: neighbours in one network rarely notice, and who owns a /48 gains a factor of 64, not
65,536.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Literal, TypeAlias

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.ports import Counters, LocalCounters, Quota, Services, State, Taken
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..policy.model import Policy
from ..policy.units import Rate
from .rate_headers import HEADERS, header_writer
from .rate_keys import Charges, network_charges, quotas_of

Reply: TypeAlias = Verdict | Awaitable[Verdict]
Settle: TypeAlias = Callable[..., Reply]
By: TypeAlias = Literal["address", "principal", "auto"]


class CountersMissing(RuntimeError):
    """Limits were asked for where no counters are wired: a mistake in the wiring, found on first use."""

    def __init__(self) -> None:
        super().__init__("no counters are wired, so no limit can be enforced")


def compile(policy: Policy, services: Services) -> Layer:
    """The layer for one route class. A class with a `rate` section of its own has counters of its own."""
    section = policy.rate
    if section.mode is Mode.OFF:
        return Layer("rate", mode=Mode.OFF)
    counters = _counters(services)
    suffix = f":{policy.route_name}" if policy.overrides("rate") else ""
    claims = HEADERS if section.headers else ()
    return Layer(
        name="rate",
        toll=_by_address(counters, section.address, f"address{suffix}", policy.client.ipv6_prefix),
        admit=_by_principal(counters, section.principal, section.api_key, suffix),
        amend=header_writer() if section.headers else None,
        claims=claims,
        drops=claims,
        mode=section.mode,
    )


def charge(exchange: Exchange, rates: Sequence[Rate], name: str, *, by: By = "auto") -> Reply:
    """Charge one request to `rates` under `name`, as `@limit` does at one endpoint.

    `by` "address" or "principal" says who is charged; "auto" is the principal where there is one, else the address.
    Nobody is charged for a client without a key, nor under "principal" for an anonymous one. Answers as a toll does:
    at once on a local store, as an awaitable on a remote one, and the RateLimit headers tell of it.
    Raises ValueError for a name outside printable ASCII, `CountersMissing`, and (awaited) `DependencyError`.
    """
    return meter(rates, name, by=by)(exchange)


def meter(rates: Sequence[Rate], name: str, *, by: By = "auto") -> Callable[[Exchange], Reply]:
    """`charge` with what does not depend on the request worked out once; for decorators."""
    quotas = quotas_of(rates, f"endpoint:{name}")
    charges_of = network_charges(quotas)

    def spend(exchange: Exchange) -> Reply:
        settle = _settler(_counters(exchange.services))
        principal = exchange.principal if by != "address" else None
        if principal is not None:
            return settle([(quota, principal.key) for quota in quotas], exchange)
        client = exchange.facts.client
        if by == "principal" or not client.key:
            return None
        return settle(charges_of(client), exchange, len(quotas))

    return spend


def _counters(services: Services) -> Counters:
    if services.counters is None:
        raise CountersMissing
    return services.counters


def _by_address(
    counters: Counters, rates: Sequence[Rate], name: str, prefix: int
) -> Callable[[Facts, Exchange], Reply] | None:
    quotas = quotas_of(rates, name)
    if not quotas:
        return None
    charge = _charger(counters, quotas)
    charges_of = network_charges(quotas, prefix)
    settle = _settler(counters)

    def toll(facts: Facts, exchange: Exchange) -> Reply:
        client = facts.client
        key = client.key
        if not key:
            return None
        if ":" in key:
            return settle(charges_of(client), exchange, len(quotas))
        if charge is None:
            return settle([(quota, key) for quota in quotas], exchange)
        return None if charge(key, exchange.taken) else _refuse([Taken(*exchange.taken[-1])], exchange)

    return toll


def _by_principal(
    counters: Counters, rates: Sequence[Rate], api_key: Sequence[Rate], suffix: str
) -> Callable[[Facts, Exchange], Reply] | None:
    people = quotas_of(rates, f"principal{suffix}")
    machines = quotas_of(api_key, f"api-key{suffix}") or people
    if not people and not machines:
        return None
    settle = _settler(counters)
    of_people, of_machines = ((quotas, _charger(counters, quotas)) for quotas in (people, machines))

    def admit(facts: Facts, exchange: Exchange) -> Reply:
        principal = exchange.principal
        if principal is None:
            return None
        quotas, charge = of_machines if principal.kind == "api-key" else of_people
        if charge is None:
            return settle([(quota, principal.key) for quota in quotas], exchange) if quotas else None
        return None if charge(principal.key, exchange.taken) else _refuse([Taken(*exchange.taken[-1])], exchange)

    return admit


def _settler(counters: Counters) -> Settle:
    """Takes charges and judges what came of it: now, or once a remote store has answered."""
    take = counters.take
    if not counters.local:
        return lambda charges, exchange, shown=None: _settle_later(take(charges), exchange, shown)  # type: ignore[arg-type]

    def settle(charges: Charges, exchange: Exchange, shown: int | None = None) -> Verdict:
        return _judge(take(charges), exchange, shown)  # type: ignore[arg-type]  # what `local` promises

    return settle


def _charger(counters: Counters, quotas: Sequence[Quota]) -> Callable[[str, list[State]], bool] | None:
    """What most decisions are, in the fewest steps: one quota, counted here. None where it is more than that."""
    return counters.charger(quotas[0]) if len(quotas) == 1 and isinstance(counters, LocalCounters) else None


async def _settle_later(pending: Awaitable[Sequence[Taken]], exchange: Exchange, shown: int | None) -> Verdict:
    return _judge(await pending, exchange, shown)


def _judge(taken: Sequence[Taken], exchange: Exchange, shown: int | None) -> Verdict:
    """Keep what the headers tell: of a passing decision the first `shown`, of a refusal the refusing quotas alone."""
    refused = [one for one in taken if not one.allowed]
    if refused:
        return _refuse(refused, exchange)
    exchange.taken += taken if shown is None else taken[:shown]
    return None


def _refuse(refused: Sequence[Taken], exchange: Exchange) -> Refuse:
    exchange.taken = [*refused]
    wait = max(ceil(one.retry_after) for one in refused)
    return Refuse(
        Reason.RATE_LIMITED,
        429,
        retry_after=wait,
        layer="rate",
        detail="quota-exceeded: " + ", ".join(one.quota.name for one in refused),
        hint=f"Too many requests. Try again in {wait} second{'s' if wait != 1 else ''}.",
    )
