"""The ports: Protocols through which rooms meet without importing each other.

Each states its whole contract: atomicity, clock, failure, bounds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from .clock import SYSTEM, Clock

if TYPE_CHECKING:
    from .bans import BanBook
    from .capacity import Capacity
    from .exchange import Exchange, Principal
    from .facts import Facts
    from .layer import Layer

Detail: TypeAlias = str | int | float | bool | None
Reveal: TypeAlias = Callable[[str], str]
"""What a reference of the policy stands for. Blocks, so it is asked at the start. Raises `GarrisonError`, whose text
holds no part of a secret."""


class Emit(Protocol):
    """Record that something happened.

    Never blocks, never raises, never awaits: it appends to a bounded queue. `name` is of the closed vocabulary of
    `events`; `facts` gives who and where; `details` must be plain values, and are redacted before they are written.
    """

    def __call__(self, name: str, facts: Facts | None = None, /, **details: Detail) -> None: ...


class Sign(Protocol):
    """Authenticate bytes under one purpose's current key; accept those of keys being rotated out.

    `sign` returns a URL-safe tag that names its key version. `verify` is constant-time in the tag's content and
    returns False for anything malformed; it never raises on client input.
    """

    def sign(self, data: bytes) -> str: ...

    def verify(self, data: bytes, tag: str) -> bool: ...


class Seal(Protocol):
    """Encrypt values that must be read again, under one purpose's current key; open those of keys being rotated out.

    `place` names where the value belongs: sealed for one place it does not open for another. `open` raises
    `DependencyError` for what it can't open. `is_old` tells that a value should be sealed anew.
    """

    def seal(self, data: bytes, place: str) -> str: ...

    def open(self, text: str, place: str) -> bytes: ...

    def is_old(self, text: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Quota:
    """A rate: at most `limit` per `window` seconds on average, of which `burst` may come at once (GCRA, ITU-T I.371).

    `name` stands in the RateLimit headers and in keys; two quotas of one name share their counters.
    """

    name: str
    limit: int
    window: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two requests at the allowed pace."""
        return self.window / self.limit


class Taken(NamedTuple):
    """The state of one quota after a decision: `remaining` requests, `reset` seconds until it is whole again."""

    quota: Quota
    allowed: bool
    remaining: int
    reset: float
    retry_after: float = 0.0


State: TypeAlias = tuple[Quota, bool, int, float, float]
"""The fields of a `Taken`. Where one is made for each request, a plain tuple is: naming costs more than counting."""


class Counters(Protocol):
    """Shared counting.

    `take` charges `cost` to every `(quota, key)` of one decision. Atomic and all-or-nothing: when one refuses, none is
    charged. The answer has one `Taken` per charge, in order. Time is the store's own and never goes backwards. A local
    store (`local` is true) answers at once and never fails; a remote one returns an awaitable that resolves within its
    time limit or raises `DependencyError`. Memory is bounded; at the bound the entries closest to whole go first, so a
    refused key stays refused. `forget` makes the given key whole again. `give_back` undoes a `take` that turned out not
    to count (a reservation): every key comes closer to whole by `cost`, and never beyond it.
    """

    @property
    def local(self) -> bool: ...

    def take(
        self, charges: Sequence[tuple[Quota, str]], cost: int = 1
    ) -> Sequence[Taken] | Awaitable[Sequence[Taken]]: ...

    def forget(self, quota: Quota, key: str) -> Awaitable[None] | None: ...

    def give_back(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> Awaitable[None] | None: ...


@runtime_checkable
class LocalCounters(Counters, Protocol):
    """Counters that answer at once. `charger(quota)` is `take` of one request and one charge: `charge(key, told)` adds
    what came of it to `told` and says whether it may pass."""

    def charger(self, quota: Quota) -> Callable[[str, list[State]], bool]: ...


@dataclass(frozen=True, slots=True)
class Record:
    """A stored value: `data` is JSON-like, `version` rises by one with each write, `expires` is wall time or None."""

    kind: str
    id: str
    data: Mapping[str, Detail]
    version: int
    expires: float | None = None


class Records(Protocol):
    """Small durable values by (kind, id): sessions, keys, bans, incidents.

    Every method is atomic. `put` with `expect` writes only when the stored version equals it (0: must not exist) and
    returns None when it does not: the caller lost a race. Expired records are never returned. Bounded: `put` raises
    `DependencyError` when the store is full or away. `find` returns the records of `kind` whose data has `field` equal
    to `value`, at most `limit`, in no order.
    """

    async def get(self, kind: str, id: str) -> Record | None: ...

    async def put(
        self,
        kind: str,
        id: str,
        data: Mapping[str, Detail],
        *,
        expires: float | None = None,
        expect: int | None = None,
    ) -> Record | None: ...

    async def delete(self, kind: str, id: str) -> bool: ...

    async def find(self, kind: str, field: str, value: Detail, *, limit: int = 100) -> Sequence[Record]: ...


@runtime_checkable
class LocalRecords(Records, Protocol):
    """Records that answer at once. `held` is what is stored under (kind, id), were it expired: a quick look whether a
    record is still the one that was read before."""

    def held(self, name: tuple[str, str], /) -> Record | None: ...


class SessionId(Protocol):
    """The verified, opaque id of the session a request belongs to, or None.

    Pure and synchronous: it checks that we issued the id (a signature), not that the session still lives. It is what
    CSRF tokens are bound to. Never a raw cookie.
    """

    def __call__(self, facts: Facts, /) -> str | None: ...


class ResolvePrincipal(Protocol):
    """Who is asking, verified; None for anonymous.

    Awaited once per request after the address limits. Raises `DependencyError` when it cannot tell: the request is
    then refused with 503, never treated as anonymous. A credential that is presented and wrong is refused by setting
    `exchange.refusal`: the application is not asked then.
    """

    def __call__(self, facts: Facts, exchange: Exchange, /) -> Awaitable[Principal | None]: ...


class TellPrincipal(Protocol):
    """As `ResolvePrincipal`, but who is known at once is told at once: a coroutine less for most requests."""

    def __call__(self, facts: Facts, exchange: Exchange, /) -> Awaitable[Principal | None] | Principal | None: ...


class SessionKeeper(Protocol):
    """Begin, renew and end the session of the client behind an exchange. Each queues the cookies the answer needs.

    `log_in` always makes a new session id (no fixation) and ends the one before; `renew` gives the session in force a
    new id, and the rights of `principal` if one is given (False: there was no session to renew); `log_out` removes the
    stored session first. All raise `DependencyError` when the store does not answer: then nothing has changed for the
    client. `revoke_all` ends every session of a principal, but for `keep`'s, and returns how many.
    """

    async def log_in(self, exchange: Exchange, principal: Principal) -> None: ...

    async def renew(self, exchange: Exchange, principal: Principal | None = None) -> bool: ...

    async def log_out(self, exchange: Exchange) -> None: ...

    async def revoke_all(self, principal_id: str, *, keep: Exchange | None = None) -> int: ...


def _no_nonces() -> str:
    raise RuntimeError("no nonce source is wired")


def _no_signer(purpose: str) -> Sign:
    raise RuntimeError(f"no keyring is wired (asked for {purpose!r})")


def _no_sealer(purpose: str) -> Seal:
    raise RuntimeError(f"no keyring is wired (asked to seal for {purpose!r})")


def silent(name: str, facts: Facts | None = None, /, **details: Detail) -> None:
    """An Emit that records nothing: for parts built in isolation, and commands that have no bus."""


def _no_session(facts: Facts, /) -> str | None:
    return None


def _never(facts: Facts, /) -> bool:
    return False


@dataclass(slots=True)
class Services:
    """What layers may use, built once by `wire.py`. A part that is not wired fails loudly on first use."""

    clock: Clock = SYSTEM
    emit: Emit = silent
    counters: Counters | None = None
    records: Records | None = None
    bans: BanBook | None = None
    capacity: Capacity | None = None
    signer: Callable[[str], Sign] = _no_signer
    sealer: Callable[[str], Seal] = _no_sealer
    session_id: SessionId = _no_session
    has_session: Callable[[Facts], bool] = _never
    """Whether the request shows a session that we began at a log-in: not a pre-session, which anybody gets who asks for
    a form. As `session_id`, it says nothing of whether the session still lives."""
    start_presession: Callable[[Exchange], str] | None = None
    principal: TellPrincipal | None = None
    sessions: SessionKeeper | None = None
    accounts: object = None
    """`garrison.accounts.Accounts`, which this room can't name; `accounts_of(exchange)` gives it with its type."""
    uploads: object = None
    """The policy's section `uploads`, for who receives files."""
    nonces: Callable[[], str] = _no_nonces
    route_names: Sequence[str] = field(default_factory=lambda: ("default",))
    trusted: bool = True
    """Whether clients trust the certificate they are shown; only a server that shows one itself knows better."""
    degraded: Callable[[], Sequence[str]] = tuple
    """Names of the services that do not work now and have a substitute or are missing, such as "store"."""
    recorded: Callable[[], bool] = lambda: True
    """Whether what happens now can be written to the audit log, or need not be."""
    layers: list[Layer] = field(default_factory=list)
    """Layers of other rooms, asked after all others."""
    gauges: dict[str, tuple[str, Callable[[], float]]] = field(default_factory=dict)
    """Numbers of this process for the metrics, by name: what each means, and how it is asked. Asking never raises."""
    metrics: Callable[[], bytes] = bytes
    """What the operator's `/metrics` answers."""
    opening: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Awaited when the application has started; each is bounded in time and does not raise."""
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Awaited when the application has stopped, the last one added first."""
