"""Step-up: a user who was told to must confirm who they are before the next request that changes something.

Threat: a stolen session goes on acting after an alert about it, and ending it would punish its owner for a train ride.
So every session of that user has to show a password or a code that is younger than the alert (RFC 9470; OWASP ASVS 5.0,
7.5.3). A page is led to `step_up_page`; anything else gets 401 with the problem type `…:login-not-fresh`. A key or
token can't confirm anything: it gets 403 until its user has, in a session.

What reads goes on, but for `step_up_also`. WebSockets count as changing something, since nobody can tell what their
messages do; one that stands is left alone. Who is meant is kept and spread like bans.
Lets pass: what only reads; whoever has the password too; users without sessions of Garrison's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import quote

from ..core.bans import Ban, BanBook
from ..core.errors import OperatorError
from ..core.exchange import Exchange, Principal
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.names import SAFE_METHODS
from ..core.path import compile_paths
from ..core.ports import Services
from ..core.verdict import Answer, Mode, Reason, Refuse, Verdict
from ..events.vocabulary import for_reason
from ..policy.section_reactions import ReactionsSection

NAME: Final = "step-up"
NO_PAGE: Final = "reactions.step_up_page names no page that could ask"
OTHER_SESSIONS: Final = "the application has sessions of its own, which Garrison can't confirm"
_PERSON: Final = "Confirm that it is you first: enter your password or a code again."
_PROGRAM: Final = "The owner of this key or token has to confirm who they are first."


class StepUpPageUnknown(OperatorError):
    """The application has no such page: whoever is asked to confirm could not."""

    def __init__(self, page: str) -> None:
        super().__init__(
            f"reactions.step_up_page is {page!r}, and the application has no route there.",
            remedy="Write the path of the page that asks for the password again.",
            reference="docs/detection/reactions.md",
        )
        self.page = page


class Proofs(Protocol):
    """When people last showed a password or a code, as wall time; `accounts.step_up.Freshness` tells.

    `moment` of the session behind an exchange, `latest` of any session of a principal; None for never. Both raise
    `DependencyError` when the store is away.
    """

    async def moment(self, exchange: Exchange) -> float | None: ...

    async def latest(self, principal: str) -> float | None: ...


def asks(section: ReactionsSection, prefix: str) -> Callable[[Facts], bool]:
    """Whether a request needs the confirmation. `prefix` begins Garrison's own paths. Raises ValueError for a malformed
    path."""
    free = compile_paths((section.step_up_page, f"{prefix}**", *section.step_up_free))
    also = compile_paths(section.step_up_also)

    def judge(facts: Facts) -> bool:
        if facts.method in SAFE_METHODS and facts.kind == "http" and not also(facts.path):
            return False
        return not free(facts.path)

    return judge


def step_up_layer(section: ReactionsSection, book: BanBook, services: Services, proofs: Proofs, prefix: str) -> Layer:
    """The layer. Raises ValueError for a malformed path."""
    needed = asks(section, prefix)
    now = services.clock.monotonic

    def admit(facts: Facts, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        pending = book.renew() if now() >= book.due else None
        principal = exchange.principal
        if principal is None or facts.operator or not needed(facts):
            return None
        if pending is not None:
            return later(pending, facts, exchange, principal)
        asked = book.table.principal(principal) if book.table.identities else None
        return settle(asked, facts, exchange, principal) if asked is not None else None

    async def later(pending: Awaitable[None], facts: Facts, exchange: Exchange, principal: Principal) -> Verdict:
        await pending
        asked = book.table.principal(principal)
        return await settle(asked, facts, exchange, principal) if asked is not None else None

    async def settle(asked: Ban, facts: Facts, exchange: Exchange, principal: Principal) -> Verdict:
        proven = await proofs.moment(exchange)
        person = proven is not None  # a session stands behind the request, whatever kind its principal is of
        if not person:
            proven = await proofs.latest(principal.id)
        if proven is not None and proven > asked.since:
            return None
        refusal = _refusal(asked, section.step_up, person=person)
        if not (person and _is_page(facts)):
            return refusal
        services.emit(
            for_reason(refusal.reason), facts, reason=refusal.reason, layer=NAME, mode=Mode.ENFORCE, status=303,
            principal=principal.id, session=exchange.session, detail=refusal.detail,
        )  # fmt: skip
        where = f"{section.step_up_page}?then={quote(facts.path, safe='/')}"
        return Answer(303, ((b"location", where.encode("ascii")), (b"cache-control", b"no-store")))

    return Layer(NAME, admit=admit)


def _refusal(asked: Ban, seconds: float, *, person: bool) -> Refuse:
    detail = f"{asked.by}: {asked.target}"
    if not person:
        return Refuse(Reason.LOGIN_NOT_FRESH, 403, layer=NAME, detail=detail, hint=_PROGRAM)
    challenge = f'Session error="insufficient_user_authentication", max_age="{seconds:g}"'
    headers = ((b"www-authenticate", challenge.encode("ascii")),)
    return Refuse(Reason.LOGIN_NOT_FRESH, 401, headers, layer=NAME, detail=detail, hint=_PERSON)


def _is_page(facts: Facts) -> bool:
    """Whether a browser would show the answer to a person."""
    return facts.kind == "http" and b"text/html" in facts.headers.get(b"accept", b"")[:512].lower()
