"""Checks of `edge`: who writes HSTS, and whether the application believes its proxy."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check


@check(
    "P060", "HSTS is left to a proxy that is not there or writes none", Severity.HIGH,
    consequence="Browsers are told twice, or never, to insist on https: the second header is ignored or contradicts.",
    remedy='Name the proxy in `proxies` ("unix" for a Unix socket) and keep headers.hsts, or set edge.hsts = false.',
    reference="RFC 6797 section 8.1; docs/edge/index.md", cwe=(319,),
)  # fmt: skip
def hsts_without_owner(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    if not policy.edge.hsts:
        return
    if not policy.proxies:
        yield Objection("edge.hsts", "the proxy writes HSTS, but no proxy is trusted: the application writes it too.")
    if policy.headers.hsts is None or policy.headers.mode is Mode.OFF:
        yield Objection("edge.hsts", "the proxy is to write HSTS, and headers.hsts has no value for it.")
