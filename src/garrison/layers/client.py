"""Client identity: a request whose sender cannot be told is refused, not charged to the proxy.

Threat: a broken or missing forwarding chain behind a trusted proxy. To charge the proxy would shut out everybody behind
it; to charge nobody would switch limits and bans off for whoever breaks the chain (CWE-348). How the chain is read is
told in `core.address`.

Lets pass: requests of a health class that carry no forwarding header (probes come from the machine itself); everything
that does not come from a configured proxy, since its header is never read.
"""

from __future__ import annotations

from ..core.address import MISSING, UNKNOWN_PEER, parse_proxies
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy

NAME = "client"
_HINT = "The proxy in front of this site did not say who is asking."


def compile(policy: Policy, services: Services) -> Layer:
    """400 for an unusable chain. Raises `BadProxy`."""
    parse_proxies(policy.proxies)
    excused = frozenset({MISSING, UNKNOWN_PEER}) if policy.route and policy.route.health else frozenset[str]()

    def decide(facts: Facts) -> Verdict:
        fault = facts.client.fault
        if not fault or fault in excused:
            return None
        return Refuse(Reason.CLIENT_CHAIN, 400, layer=NAME, detail=_detail(fault), hint=_HINT)

    return Layer(NAME, decide=decide, mode=policy.client.mode)


def _detail(fault: str) -> str:
    if fault == UNKNOWN_PEER:
        return f"{fault}: requests come over a Unix socket; add 'unix' to `proxies`"
    return fault
