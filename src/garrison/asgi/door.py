"""One route class, compiled: what the onion needs to judge and answer requests of that class."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.headers import RawHeaders
from ..core.stack import Stack
from ..core.verdict import Mode, Reason, Refuse
from ..layers.errors import Renderer
from ..policy.model import Policy
from . import record


@dataclass(frozen=True, slots=True)
class Door:
    """`hold` are the statuses whose answers wait until it is known whether they may go out as they are."""

    name: str
    policy: Policy
    stack: Stack
    render: Renderer
    hold: frozenset[int]
    safe_validation: bool
    safe_errors: bool

    def stands(self, refusal: Refuse, exchange: Exchange) -> bool:
        """Whether a refusal from within the application is enforced; in monitor mode it is recorded.

        A refusal in the name of a layer goes by that layer's mode; any other name is the application's own.
        """
        if refusal.layer in self.stack.off:
            return False
        layer = self.stack.find(refusal.layer)
        mode = Mode.ENFORCE if layer is None else layer.mode
        if mode is not Mode.ENFORCE:
            record.refused(exchange.services.emit, exchange.facts, refusal, mode, self.name, exchange)
        return mode is Mode.ENFORCE

    def refusal(self, refusal: Refuse, facts: Facts, *, reason: str = "") -> tuple[RawHeaders, bytes]:
        """Headers (not yet dressed) and body that tell the client of `refusal`."""
        headers, body = self.render.render(
            refusal.status,
            reason=reason or refusal.reason,
            accept=facts.headers.get(b"accept", b""),
            request_id=facts.request_id,
            hint=refusal.hint,
            retry_after=refusal.retry_after,
            method=facts.method,
        )
        return [*headers, *refusal.headers, (b"x-request-id", facts.request_id.encode("ascii"))], body

    def crash(self, facts: Facts) -> tuple[RawHeaders, bytes]:
        """Headers (not yet dressed) and body of the 500 for an application that raised."""
        if self.safe_errors:
            return self.refusal(Refuse(Reason.LAYER_FAILED, 500), facts, reason="internal-error")
        return [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error"

    @classmethod
    def build(cls, policy: Policy, stack: Stack, render: Renderer) -> Door:
        """The door of `policy`, which is already effective for its route class."""
        active = stack.find("errors") is not None
        validation = active and policy.errors.validation == "safe"
        errors = active and policy.errors.unhandled == "safe"
        hold = frozenset({422} if validation else ()) | frozenset({500} if errors else ())
        return cls(policy.route_name, policy, stack, render, hold, validation, errors)
