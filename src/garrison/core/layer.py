"""A layer: one defence, as a frozen record with only the parts it needs.

Parts, in the order a request meets them:

decide   `(facts)`             pure and synchronous: refuse, answer, or say nothing
toll     `(facts, exchange)`   stateful: charge a counter, ask a store. May return an awaitable (remote stores)
admit    `(facts, exchange)`   like toll, but after the principal is resolved
peek     `(facts)`             ask for a prefix of the body before the application runs, and judge it
watch    `(facts, exchange)`   judge each body chunk (or WebSocket message) as it arrives
amend    `(exchange, edit)`    write response headers the layer has claimed
release  `(exchange)`          the request or connection is over, however it ended; give back what a toll took

`decide` is not asked for HTTP requests whose method is among `spares`, unless one of the headers of `unless` came: it
must have nothing to say of them.

`release` is called for every request of the route class, also where the layer's toll was never reached.

`sets` are response headers that depend on the policy alone: they are merged at build time, cost only the copy, and go
on after all layers have amended.
`drops` are response headers taken from the application. `varies` are tokens for `Vary`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from .exchange import Exchange
from .facts import Facts
from .headers import Edit
from .json_guard import Document
from .verdict import HeaderList, Mode, Refuse, Verdict

Decide: TypeAlias = Callable[[Facts], Verdict]
Toll: TypeAlias = Callable[[Facts, Exchange], Verdict | Awaitable[Verdict]]
Amend: TypeAlias = Callable[[Exchange, Edit], None]
Release: TypeAlias = Callable[[Exchange], None]
Watch: TypeAlias = Callable[[Facts, Exchange], Callable[[bytes], Refuse | None] | None]
Judge: TypeAlias = Callable[[bytes, bool], Verdict]


@dataclass(frozen=True, slots=True)
class Peek:
    """A wish to see up to `limit` bytes of the body; `judge(prefix, complete)` is then asked once.

    `read` gives, with the same verdict, what it read: asked in its place, where the exchange can keep the `document`.
    """

    limit: int
    judge: Judge
    read: Callable[[bytes, bool], tuple[Verdict, Document | None]] | None = None


AskPeek: TypeAlias = Callable[[Facts], Peek | None]

PEEK_LIMIT = 64 * 1024
"""The largest prefix a layer may ask for, in bytes (OWASP: tokens come before files in multipart forms)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """See the module. `mode` is read by the onion only."""

    name: str
    decide: Decide | None = None
    toll: Toll | None = None
    admit: Toll | None = None
    peek: AskPeek | None = None
    watch: Watch | None = None
    amend: Amend | None = None
    release: Release | None = None
    sets: HeaderList = ()
    drops: tuple[bytes, ...] = ()
    varies: tuple[bytes, ...] = ()
    claims: tuple[bytes, ...] = ()
    spares: frozenset[str] = frozenset()
    unless: frozenset[bytes] = frozenset()
    mode: Mode = Mode.ENFORCE
