"""The operator's switches: read-only mode and disabled routes.

Threat: an incident that needs writes stopped, or one feature closed, at once and without a deployment. The switches are
the operator's alone: nothing here is thrown by traffic, since an automatic lock-down is a remote off switch.

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
        return Layer(NAME, mode=section.mode)
    read_only = Refuse(
        Reason.READ_ONLY, 503, retry_after=wait, layer=NAME, hint="The site can be read but not changed at the moment."
    )

    def decide(facts: Facts) -> Verdict:
        return None if facts.method in SAFE_METHODS and facts.kind == "http" else read_only

    return Layer(NAME, decide=decide, mode=section.mode)
