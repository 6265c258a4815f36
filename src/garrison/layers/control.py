"""The operator's switches: read-only mode and disabled routes.

Threat: an incident that needs writes stopped, or one feature closed, at once and without a deployment. The switches are
the operator's alone: nothing here is thrown by traffic, since an automatic lock-down is a remote off switch. The one
exception is asked for: `audit.on_failure = "refuse"` stops writes while they can't be recorded.

Read-only refuses WebSocket handshakes as well: what their messages do cannot be told. Lets pass, in read-only mode:
GET, HEAD and OPTIONS, whatever the application does on them.
"""

from __future__ import annotations

from math import ceil

from ..core.facts import Facts
from ..core.layer import Layer
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy

NAME = "control"
_SOON = 5
"""Seconds: the log is tried again every second."""


def compile(policy: Policy, services: Services) -> Layer:
    """503 with Retry-After while a switch is on; a layer without parts otherwise."""
    section = policy.control
    wait = max(1, ceil(section.retry_after))
    if section.disabled:
        closed = Refuse(
            Reason.ROUTE_DISABLED, 503, retry_after=wait, layer=NAME, hint="This part of the site is switched off."
        )
        return Layer(NAME, decide=lambda facts: closed, mode=section.mode)
    if not section.read_only:
        return _while_unrecorded(policy, services)
    read_only = Refuse(
        Reason.READ_ONLY, 503, retry_after=wait, layer=NAME, hint="The site can be read but not changed at the moment."
    )

    def decide(facts: Facts) -> Verdict:
        return None if facts.method in SAFE_METHODS and facts.kind == "http" else read_only

    return Layer(NAME, decide=decide, mode=section.mode)


def _while_unrecorded(policy: Policy, services: Services) -> Layer:
    """No side effects that nobody could prove later, if the policy says so; the operator can still act."""
    if not policy.audit.enabled or policy.audit.on_failure != "refuse":
        return Layer(NAME, mode=policy.control.mode)
    recorded = services.recorded
    unrecorded = Refuse(
        Reason.AUDIT_AWAY,
        503,
        retry_after=_SOON,
        layer=NAME,
        hint="The site can be read but not changed at the moment.",
    )

    def decide(facts: Facts) -> Verdict:
        if recorded() or facts.operator or (facts.method in SAFE_METHODS and facts.kind == "http"):
            return None
        return unrecorded

    return Layer(NAME, decide=decide, mode=policy.control.mode)
