"""What happens while one request is answered: the mutable companion of `Facts`.

Layers keep here what they found out and will need for the answer; the application finds it at
`request.state.garrison`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .facts import Facts
    from .json_guard import Document
    from .multipart import Multipart
    from .ports import Services, SessionKeeper, State
    from .verdict import Refuse


_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified identity. Only such a one may key a limit or a ban.

    `id` is stable and opaque to Garrison; `kind` says how it was verified ("user", "api-key", "service").
    `credential` names what it was verified by, where that can be banned by itself: an API key's id, never the key.
    `key` is what its limits are keyed by: ids may be long, keys may not, so long ones are hashed.
    """

    id: str
    kind: str = "user"
    scopes: frozenset[str] = field(default_factory=frozenset)
    credential: str = ""
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = self.id
        if len(name) > _LONGEST_ID:
            name = "#" + blake2b(name.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
        # No address holds a NUL, so the two sorts of key never meet.
        object.__setattr__(self, "key", f"{self.kind}\0{name}")


class Exchange:
    """One request's working state. Never shared between requests.

    facts        what the request is
    services     shared services (clock, emit, signers, …)
    principal    the verified identity, once resolved; None for anonymous
    taken        what came of the rate limits so far, for the RateLimit headers
    cookies      `Set-Cookie` values waiting to go out; the cookies layer writes them
    session      opaque session id in force for this exchange; set at log-in and log-out by `accounts`
    login        "in", "out" or empty: what happened to the session during this exchange
    refusal      what is answered instead of whatever the application sends; see `refuse`
    stands       the onion's judgement whether a refusal is enforced
    nonce_drawn, csrf_handed_out   the nonce and the CSRF token of this exchange, or empty: asking these draws none
    sandboxed    the answer is a file of somebody else's: its Content-Security-Policy gets a sandbox as well
    began        monotonic time at which it began
    document     the JSON body as the layer `body` judged and parsed it; None for none
    form         the reading of a multipart body, fed by the layer `body` as chunks are handed on; None where it is off
    load         how the load layer counts this exchange: 0 not at all, 1 until it is answered, 2 until it is over
    """

    __slots__ = (
        "began",
        "cookies",
        "csrf_handed_out",
        "document",
        "facts",
        "form",
        "issue_csrf",
        "load",
        "login",
        "nonce_drawn",
        "principal",
        "refusal",
        "sandboxed",
        "services",
        "session",
        "stands",
        "taken",
    )

    def __init__(
        self,
        facts: Facts,
        services: Services,
        stands: Callable[[Refuse, Exchange], bool] | None = None,
    ) -> None:
        self.facts = facts
        self.services = services
        self.principal: Principal | None = None
        self.taken: list[State] = []
        self.cookies: list[bytes] | None = None
        self.session: str | None = None
        self.login = ""
        self.refusal: Refuse | None = None
        self.stands = stands
        self.issue_csrf: Callable[[Exchange], str] | None = None
        self.nonce_drawn = ""
        self.csrf_handed_out = ""
        self.load = 0
        now = services.clock.monotonic
        self.began = now()
        self.sandboxed = False
        self.document: Document | None = None
        self.form: Multipart | None = None

    @property
    def request_id(self) -> str:
        """The id shown to the client and written to events."""
        return self.facts.request_id

    @property
    def nonce(self) -> str:
        """This answer's CSP nonce (CSP3, section 7.1): 128 random bits, drawn on first use."""
        if not self.nonce_drawn:
            self.nonce_drawn = self.services.nonces()
        return self.nonce_drawn

    @property
    def csrf_token(self) -> str:
        """A CSRF token bound to the session in force; put it into forms or the `X-CSRF-Token` header.

        Asking for it starts a pre-session where there is none, so ask only where a form is shown. Empty when the
        CSRF layer is off.
        """
        if not self.csrf_handed_out and self.issue_csrf is not None:
            self.csrf_handed_out = self.issue_csrf(self)
        return self.csrf_handed_out

    def refuse(self, refusal: Refuse) -> bool:
        """Refuse from within the application, as an endpoint's limit does.

        True when the refusal is enforced: stop then, whatever is sent is replaced by the refusal. False in monitor
        mode, where it is only recorded.
        """
        if self.stands is None or not self.stands(refusal, self):
            return False
        self.refusal = refusal
        return True

    def renew_csrf(self) -> None:
        """Forget the token handed out so far: the session it was bound to has changed."""
        self.csrf_handed_out = ""

    def set_cookie(self, line: bytes) -> None:
        """Queue a complete `Set-Cookie` value for the answer."""
        if self.cookies is None:
            self.cookies = []
        self.cookies.append(line)

    async def log_in(self, principal: Principal) -> None:
        """Begin a session for `principal`, with a new id; CSRF tokens are bound to it from now on."""
        await self._sessions().log_in(self, principal)
        self.renew_csrf()

    async def renew_session(self, principal: Principal | None = None) -> bool:
        """Give the session in force a new id, as at every change of privilege (OWASP ASVS 5.0, 7.2.4).

        `principal` replaces the one the session stands for, with other scopes, say. False when there is no session.
        """
        renewed = await self._sessions().renew(self, principal)
        self.renew_csrf()
        return renewed

    async def log_out(self) -> None:
        """End the session in force, on the server first; the answer clears cookies and caches."""
        await self._sessions().log_out(self)
        self.renew_csrf()

    def _sessions(self) -> SessionKeeper:
        if self.services.sessions is None:
            raise RuntimeError("no session keeper is wired: pass the application through harden() first")
        return self.services.sessions
