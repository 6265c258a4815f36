"""Bans: who was told to stay away stays away.

Threat: a client that was seen attacking goes on (OWASP ASVS 5.0, 2.4; OWASP AppSensor). It is turned away before
anything else is asked, at the price of a few dictionary look-ups; principals, API keys and sessions once they are
known. A connection that stands is closed at its next message.

Assumption: `facts.client` is not chosen by the client, and identities are verified. `bans.allow` goes before every
ban. The operator is exempt by listener (`operator.listen`), never by address: everybody behind a local proxy comes
from loopback.

The answer is 403 without Retry-After: a ban is a judgement and no limit, clients' libraries repeat a 429 by
themselves, and when it ends is nobody's business. Neither the reason nor the end is told.

Lets pass: clients without a key (a trusted proxy's own requests, Unix sockets); an attacker who changes addresses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..core.ban_rules import AllowList
from ..core.ban_table import SELFTEST_KEY
from ..core.bans import Ban, BanBook, session_handle
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Layer, Watch
from ..core.ports import Services
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..policy.model import Policy

NAME = "bans"
_HINT = "Access from here is not allowed at the moment."


class BansMissing(RuntimeError):
    """Bans are asked for where no ban list is wired: a mistake in the wiring, found at start."""

    def __init__(self) -> None:
        super().__init__("no ban list is wired, so nobody can be banned")


def compile(policy: Policy, services: Services) -> Layer:
    """403 for whom the ban list names. Raises `BadTarget` for a malformed `bans.allow`, and `BansMissing`."""
    section = policy.bans
    if section.mode is Mode.OFF:
        return Layer(NAME, mode=Mode.OFF)
    book = services.bans
    if book is None:
        raise BansMissing
    judge = _by_address(book, AllowList(section.allow, policy.client.ipv6_prefix))
    return Layer(
        NAME,
        toll=_toll(book, judge),
        admit=(identify := _by_identity(book, AllowList(section.allow), services)),
        watch=_watch(book, judge, identify, services.clock.monotonic),
        mode=section.mode,
    )


def _by_address(book: BanBook, allowed: AllowList) -> Callable[[Facts], Refuse | None]:
    def judge(facts: Facts) -> Refuse | None:
        client = facts.client
        ban = book.table.client(client)
        if ban is None or facts.operator or allowed.client(client):
            return None
        return _refusal(ban)

    return judge


def _toll(
    book: BanBook, judge: Callable[[Facts], Refuse | None]
) -> Callable[[Facts, Exchange], Verdict | Awaitable[Verdict]]:
    def toll(facts: Facts, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        key = facts.client.key
        if exchange.began >= book.due and key != SELFTEST_KEY:  # at start there is nothing to be read yet
            pending = book.renew()
            if pending is not None:
                return later(pending, facts)
        return judge(facts) if book.table.clients or key == SELFTEST_KEY else None

    async def later(pending: Awaitable[None], facts: Facts) -> Verdict:
        await pending
        return judge(facts)

    return toll


def _by_identity(book: BanBook, allowed: AllowList, services: Services) -> Callable[[Facts, Exchange], Refuse | None]:
    def admit(facts: Facts, exchange: Exchange) -> Refuse | None:
        table = book.table
        if not table.identities or facts.operator:
            return None
        principal = exchange.principal
        if principal is not None and allowed.principal(principal):
            return None
        ban = table.principal(principal) if principal is not None else None
        if ban is None and table.sessions:
            key = services.session_id(facts)
            ban = table.session(session_handle(key)) if key is not None else None
        return _refusal(ban) if ban is not None else None

    return admit


def _watch(
    book: BanBook,
    judge: Callable[[Facts], Refuse | None],
    identify: Callable[[Facts, Exchange], Refuse | None],
    now: Callable[[], float],
) -> Watch:
    def watch(facts: Facts, exchange: Exchange) -> Callable[[bytes], Refuse | None] | None:
        if facts.kind != "websocket":
            return None  # a body ends soon; a connection may not

        def check(message: bytes) -> Refuse | None:
            if now() >= book.due:
                book.renew()  # nobody waits here: the next message meets the new table
            return judge(facts) or identify(facts, exchange)

        return check

    return watch


def _refusal(ban: Ban) -> Refuse:
    return Refuse(Reason.BANNED, 403, layer=NAME, detail=f"{ban.id}: {ban.target}", hint=_HINT)
