"""From the policy to a running detector."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from ..core.ports import Reveal, Services
from ..events.bus import Bus
from ..policy.model import Policy
from ..policy.store_address import resolve_store
from .asn import Asns, read_table
from .cases import prove
from .engine import Engine
from .honey import Honey
from .honey_layer import honey_layer
from .match import Match
from .rule import READING, Rule, own_rules, page_of, rules_of
from .runner import Detector
from .sightings import Sightings
from .stream import Stream, client_for

HONEY_ACCOUNT = "honey-account"


def build_engine(policy: Policy, shown: Callable[[str], str] = str) -> Engine:
    """The engine of `policy`. `shown` is what events call a login. Raises `RuleWrong`."""
    return Engine(rules_for(policy, shown), policy.detection.keys)


def rules_for(policy: Policy, shown: Callable[[str], str] = str) -> list[Rule]:
    """The rules in force: that of honey accounts only where there are some, those by ASN only where it is known.
    `alerts.runbooks` takes the place of our pages, and of no runbook that a rule names itself.

    Raises `RuleWrong`.
    """
    section = policy.detection
    names = [shown(login) for login in section.honey_accounts]
    found = []
    for rule in rules_of(section.rules, section.off):
        if policy.alerts.runbooks and rule.runbook in (READING, page_of(rule)):
            rule = rule.model_copy(update={"runbook": policy.alerts.runbooks + rule.id})
        if rule.by == "asn" and not (section.asn_header or section.asn_table):
            continue
        if rule.id != HONEY_ACCOUNT:
            found.append(rule)
        elif names:
            where = " or ".join(f'details.account="{name}"' for name in names)
            match = Match(names=rule.match.names, where=where)
            found.append(rule.model_copy(update={"match": match}))
    return found


def attach_detection(
    policy: Policy,
    bus: Bus,
    services: Services,
    routes: Sequence[str],
    shown: Callable[[str], str],
    reveal: Reveal,
) -> Detector | None:
    """Let detection watch `bus` and the answers, if the policy wants it. `reveal` is asked for the password of a shared
    store. Raises `RuleWrong`, and what `reveal` raises."""
    section = policy.detection
    if not section.enabled:
        return None
    wall = services.clock.wall
    asns = Asns(section.asn_header, read_table(section.asn_table) if section.asn_table else None)
    sightings = Sightings(
        wall, socket.gethostname(), routes, section.honey_paths, policy.events.redact, asns, services.clock.monotonic
    )
    for rule in own_rules(section.rules):
        prove(rule)  # what is wrong with a rule is to be told at the start
    detector = Detector(lambda: build_engine(policy, shown), sightings, bus.emit, wall)
    detector.settle = bus.flush
    if section.shared and not (address := resolve_store(policy.store, reveal)).local:
        detector.stream = Stream(lambda: client_for(resolve_store(policy.store, reveal)), address.namespace, wall)
    services.layers.append(sightings.layer)
    if honey := Honey(section.honey_tokens):
        services.layers.append(honey_layer(honey, services.emit))
    services.gauges["detection_keys"] = ("Keys that detection remembers.", lambda: detector.engine.budget.used)
    services.gauges["detection_alerts"] = ("Alerts raised by this process.", lambda: detector.alerts)
    bus.attach(detector)
    return detector


def attach_to_supervisor(policy: Policy, bus: Bus) -> None:
    """Let detection watch the bus of a process that serves no requests: workers that die, certificates.

    It folds by itself, also with a shared store: who folds for all must be able to react. Raises `RuleWrong`.
    """
    alone = policy.model_copy(update={"detection": policy.detection.model_copy(update={"shared": False})})
    attach_detection(alone, bus, Services(), (), str, str)  # it has no store, so nothing is revealed
