"""Log more: every request of a client or user that an alert was about is put on record, for a while.

Threat: an alert says that something began, and the log, which holds refusals and no ordinary requests, does not say
what they did then. Now it does: method, path, status, time, sizes and how the request is made; of a query and of
headers the names alone. No value of either, no body, no cookie.

Bounded: a rate for each of them in every process; what is beyond it is counted in the next event. Who is watched is
kept and spread like bans. Lets pass: what was done before; WebSocket messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..core.ban_table import SELFTEST_KEY
from ..core.bans import Ban, BanBook
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.headers import Edit
from ..core.layer import Layer
from ..core.ports import Detail, Services
from ..events.vocabulary import EventName
from ..policy.section_reactions import ReactionsSection

NAME: Final = "log-more"
_MOST_TEXT: Final = 400
_QUERY: Final = 2048
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.\[\]-]{1,40}")
_WATCHED: Final = 1000


class Watching:
    """Makes `layer`."""

    def __init__(self, section: ReactionsSection, book: BanBook, services: Services) -> None:
        self._book, self._emit, self._now = book, services.emit, services.clock.monotonic
        rate = section.log_more_rate
        self._interval, self._slack = rate.window / rate.limit, (rate.burst - 1) * rate.window / rate.limit
        self._due: dict[str, tuple[float, int]] = {}
        self.layer: Final = Layer(NAME, toll=self._renew, amend=self._amend)

    def _renew(self, facts: Facts, exchange: Exchange) -> None:
        if self._now() >= self._book.due and facts.client.key != SELFTEST_KEY:
            self._book.renew()  # nobody waits for it: a request more or less on record harms nobody

    def _amend(self, exchange: Exchange, edit: Edit) -> None:
        table = self._book.table
        if not (table.clients or table.identities):
            return
        principal, facts = exchange.principal, exchange.facts
        watched = table.client(facts.client)
        if watched is None and principal is not None:
            watched = table.principal(principal)
        if watched is None or facts.operator or (skipped := self._take(watched)) is None:
            return
        who = principal.id if principal is not None else ""
        took = round((self._now() - exchange.began) * 1000, 1)
        self._emit(
            EventName.REQUEST_WATCHED, facts, status=edit.status, principal=who, session=exchange.session, took_ms=took,
            skipped=skipped or None, ours=edit.ours, reaction=watched.by.removeprefix("reaction:"),
            bytes=_number(edit.sent.get(b"content-length", b"")), **described(facts),
        )  # fmt: skip

    def _take(self, watched: Ban) -> int | None:
        """How many requests were passed over before this one; None: it is passed over as well (GCRA)."""
        now = self._now()
        due, skipped = self._due.get(watched.id, (now, 0))
        if due - now > self._slack:
            self._due[watched.id] = (due, skipped + 1)
            return None
        if len(self._due) >= _WATCHED:
            self._due.clear()
        self._due[watched.id] = (max(due, now) + self._interval, 0)
        return skipped


def described(facts: Facts) -> dict[str, Detail]:
    """How a request is made: names of query parameters and headers, kind and length of the body, where it came from."""
    headers = facts.headers
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return {
        "query": _names(one.partition(b"=")[0] for one in facts.query[:_QUERY].split(b"&") if one),
        "fields": _names(headers),
        "body": kind[:80].decode("latin-1") if b"/" in kind else None,
        "length": _number(headers.get(b"content-length", b"")),
        "site": headers.get(b"sec-fetch-site", b"")[:16].decode("latin-1"),
    }


def _names(found: Iterable[bytes]) -> str:
    """Names and nothing else: what does not look like one may be somebody's secret or address."""
    return " ".join(one.decode("ascii") if _PLAIN.fullmatch(one) else "?" for one in found)[:_MOST_TEXT]


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= 15 else None
