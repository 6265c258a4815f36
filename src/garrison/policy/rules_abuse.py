"""Checks on bans, the operator's way in, and load limits."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from ..core.bans import BadTarget, parse_target
from ..core.listeners import parse_listener
from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check

_WIDE: Final = {4: 16, 6: 32}
_SHARED: Final = ("delay", "least", "most")


@check(
    "P037", "Malformed exception from bans", Severity.CRITICAL,
    consequence="Somebody who must never be banned can be.",
    remedy="Write an address, a network, or principal:ID.",
    reference="docs/layers/bans.md",
)  # fmt: skip
def malformed_allow(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("bans"):
        for index, text in enumerate(policy.bans.allow):
            try:
                parse_target(text, policy.client.ipv6_prefix)
            except BadTarget as error:
                yield Objection(f"{prefix}bans.allow.{index}", error.message)


@check(
    "P038", "Wide exception from bans", Severity.MEDIUM,
    consequence="Nobody in this network can be banned, whatever they do.",
    remedy="Name the few addresses that need it.",
    reference="docs/layers/bans.md",
    cwe=(693,),
)  # fmt: skip
def wide_allow(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, _ in subject.classes("bans"):
        for index, text in enumerate(policy.bans.allow):
            try:
                network = parse_target(text, policy.client.ipv6_prefix).network
            except BadTarget:
                continue
            if network is not None and not network.is_private and network.prefixlen < _WIDE[network.version]:
                yield Objection(f"{prefix}bans.allow.{index}", f"{network} is never banned.")


@check(
    "P039", "Malformed listener of the operator", Severity.CRITICAL,
    consequence="The operator would not be told apart, and could be shut out by a ban.",
    remedy="Write 127.0.0.1:9443 or unix:/run/app/operator.sock.",
    reference="docs/layers/bans.md",
)  # fmt: skip
def malformed_listener(subject: Subject) -> Iterator[Objection]:
    for index, text in enumerate(subject.policy.operator.listen):
        try:
            parse_listener(text)
        except ValueError as error:
            yield Objection(f"operator.listen.{index}", f"{error}.")


@check(
    "P040", "Operator's listener beyond this machine", Severity.MEDIUM,
    consequence="Whoever reaches this address is exempt from bans and load limits.",
    remedy="Listen on loopback or a Unix socket, and reach it through SSH.",
    reference="docs/layers/bans.md", production_only=True, cwe=(291,),
)  # fmt: skip
def exposed_listener(subject: Subject) -> Iterator[Objection]:
    for index, text in enumerate(subject.policy.operator.listen):
        try:
            host, port = parse_listener(text)
        except ValueError:
            continue
        if port is not None and not ip_address(host).is_loopback:
            yield Objection(f"operator.listen.{index}", f"{text} can be reached by other machines.")


@check(
    "P041", "Load limits contradict", Severity.HIGH,
    consequence="A route that weighs more than a client may hold serves nobody; a limit that is not read holds nobody.",
    remedy="Keep load.weight within load.requests, load.least within load.most, and the process' limits at the top.",
    reference="docs/layers/load.md",
)  # fmt: skip
def contradicting_load(subject: Subject) -> Iterator[Objection]:
    for prefix, policy, route in subject.classes("load"):
        load = policy.load
        if load.mode is Mode.OFF:
            continue
        if load.weight > min(load.requests, load.websockets):
            yield Objection(f"{prefix}load.weight", f"{load.weight}, more than one client may hold.")
        if load.least > load.most:
            yield Objection(f"{prefix}load.least", f"{load.least}, more than load.most ({load.most}).")
        if route is not None:
            for name in _SHARED:
                if name in route.sections.get("load", {}):
                    yield Objection(f"{prefix}load.{name}", "it is the whole process' and read at the top only.")
