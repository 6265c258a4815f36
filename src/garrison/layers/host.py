"""Host: the application answers only to names that are its own.

Threat: a Host header of the attacker's choice that ends up in redirects, absolute links, password mails and shared
caches, and DNS rebinding against services on loopback (CWE-644, CWE-350; RFC 9110 sections 7.2 and 7.4, RFC 9112
section 3.2). An unknown host never reaches the application, so nothing built from Host can name one.

Lets pass: in a health class, an IP literal as Host, to that class's own paths. Assumes that the application reads no
`X-Forwarded-Host`, and that the server refuses or hands over an absolute-form target whose host is not Host's, as
`garrison serve` does: uvicorn with httptools throws it away.
"""

from __future__ import annotations

from ..core.errors import OperatorError
from ..core.facts import Facts
from ..core.host import compile_hosts
from ..core.layer import Layer
from ..core.ports import Services
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..policy.model import Policy

NAME = "host"
DEVELOPMENT_HOSTS = ("localhost", "127.0.0.1", "::1", "*.localhost")
"""Answered in development beside `hosts`: one policy file serves both the site and the developer's own machine."""
_DEFAULT_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class HostsMissing(OperatorError):
    """Production without `hosts`: the application would have to answer to every name, or to none."""

    def __init__(self) -> None:
        super().__init__(
            "The policy names no hosts, and in production every request needs one it may be meant for.",
            remedy='Set hosts = ["www.example.com"] to the names your users type.',
            reference="RFC 9110 section 7.2",
        )


class BadHost(OperatorError):
    """An entry of `hosts` that is no host name."""


class IpOutsideHealth(OperatorError):
    """`host.allow_ip` where it would open more than a probe's paths."""

    def __init__(self, route: str) -> None:
        super().__init__(
            f"`host.allow_ip` is set for {route!r}, which is no health class.",
            remedy="Set it in a route class with health = true that names the probe's paths.",
        )


def compile(policy: Policy, services: Services) -> Layer:
    """400 for a missing, repeated or malformed Host, 421 for one that is not ours.

    Raises `HostsMissing`, `BadHost`, `IpOutsideHealth`.
    """
    section = policy.host
    if section.mode is Mode.OFF:
        return Layer(NAME, mode=section.mode)
    health = policy.route is not None and policy.route.health
    if section.allow_ip and not health:
        raise IpOutsideHealth(policy.route_name)
    try:
        known = compile_hosts(_hosts(policy))
    except ValueError as error:
        raise BadHost(
            f"In `hosts`: {error}.", remedy="Write names as users type them, without scheme or port."
        ) from None
    exact = known.exact
    ports = frozenset(section.ports)

    def decide(facts: Facts) -> Verdict:
        host = facts.host
        if host is None:
            return _unreadable(facts)
        if host.name in exact or known(host):
            if not ports or (host.port or _DEFAULT_PORTS.get(facts.scheme)) in ports:
                return None
            return _unknown(f"port {host.port}")
        return None if health and host.ip else _unknown(host.name)

    return Layer(NAME, decide=decide, mode=section.mode)


def _hosts(policy: Policy) -> tuple[str, ...]:
    if policy.development:
        return tuple(dict.fromkeys((*policy.hosts, *DEVELOPMENT_HOSTS)))
    if not policy.hosts:
        raise HostsMissing
    return policy.hosts


def _unreadable(facts: Facts) -> Refuse:
    values = facts.values(b"host")
    if not values:
        return Refuse(Reason.HOST_MISSING, 400, layer=NAME, hint="The request names no host.")
    if len(values) > 1:
        return Refuse(Reason.HOST_DUPLICATED, 400, layer=NAME, hint="The request names its host more than once.")
    return Refuse(Reason.HOST_MALFORMED, 400, layer=NAME, hint="The host of the request cannot be read.")


def _unknown(detail: str) -> Refuse:
    return Refuse(Reason.HOST_UNKNOWN, 421, layer=NAME, detail=detail, hint="This site does not answer to that name.")
