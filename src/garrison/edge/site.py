"""What a proxy has to know of a policy: names, TLS, who writes which header, and how much a client may ask.

Threat: a proxy and an application that disagree (two limits, two HSTS, a forwarding header that nobody overwrote), and
text that means something else in the proxy's language. So every value is parsed before it is written: host names become
A-labels, paths and ports are checked by the policy. Assumption: the proxy is the outermost one, so what a client says
about its own address is never kept. Lets pass: a proxy whose operator changed the file afterwards; `--check` tells.

The proxy's caps stand twice as high as the policy's: a request that is only a little too large or too frequent still
reaches the layer, which answers with a problem document and an event. What is refused at the proxy is far beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..core.address import parse_proxies
from ..core.errors import OperatorError
from ..core.host import compile_hosts, host_name
from ..core.listeners import parse_listener
from ..core.verdict import Mode
from ..policy.model import Policy
from ..policy.tls import GROUPS

LOOSER: Final = 2


class EdgeRefused(OperatorError):
    """The policy does not say what a proxy needs to know, or would not believe the proxy. `key` is the one to set."""

    def __init__(self, key: str, message: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy, reference="docs/edge/index.md")
        self.key = key


@dataclass(frozen=True, slots=True)
class Place:
    """Where the proxy keeps its own files: where its package puts them, or for a trial in `folder`, without daemon,
    system user and logs. `modules` is where nginx finds its modules, if not beside its other files."""

    folder: str = ""
    modules: str = ""
    addresses: tuple[str, ...] = ()
    """Where it listens, IPv6 in brackets; empty: everywhere."""

    @property
    def trial(self) -> bool:
        return bool(self.folder)


@dataclass(frozen=True, slots=True)
class Requests:
    """At most `limit` in `window` seconds and `burst` more, from one client."""

    limit: int
    window: float
    burst: int


@dataclass(frozen=True, slots=True)
class Site:
    """A policy as a proxy sees it. Times in whole seconds, sizes in bytes; see `policy.section_edge`."""

    names: tuple[str, ...]
    below: tuple[str, ...]
    http_port: int
    https_port: int
    socket: str
    address: str
    certificate: str
    key: str
    acme: bool
    modern: bool
    groups: tuple[str, ...]
    hsts: str
    forwarded: bool
    clear_server: bool
    header_time: int
    body_time: int
    write_time: int
    idle_time: int
    answer_time: int
    tunnel_time: int
    header_count: int
    header_line: int
    body: int
    requests: Requests | None
    per_client: int
    streams: int
    connections: int
    prefix: int
    group: str
    processes: int
    place: Place = Place()

    @property
    def port_suffix(self) -> str:
        """What stands behind a host name where the port is not the usual one."""
        return "" if self.https_port == 443 else f":{self.https_port}"

    @property
    def header_bytes(self) -> int:
        return LOOSER * self.header_line


def site_of(policy: Policy) -> Site:
    """What a proxy in front of `policy` needs. Raises `EdgeRefused`, and ValueError for hosts that are none."""
    names, below = _names(policy)
    _believed(policy)
    serve, edge = policy.serve, policy.edge
    classes = [policy, *(policy.effective(route) for route in policy.routes)]
    path, port = parse_listener(edge.upstream)
    hsts = policy.headers.hsts if edge.hsts and not _silent(policy) else None
    return Site(
        names=names,
        below=below,
        http_port=edge.http_port,
        https_port=edge.https_port,
        socket="" if port else path,
        address=edge.upstream if port else "",
        certificate=edge.certificate,
        key=edge.key,
        acme=edge.acme,
        modern=serve.profile == "modern",
        groups=tuple(group for group in GROUPS if edge.post_quantum or "MLKEM" not in group),
        hsts=hsts.header if hsts else "",
        forwarded=policy.client.header == "forwarded",
        clear_server=edge.clear_server,
        header_time=_whole(max(serve.header, serve.handshake)),
        body_time=_whole(serve.body_grace),
        write_time=_whole(serve.write_grace),
        idle_time=_whole(serve.keep_alive),
        answer_time=_whole(edge.answer),
        tunnel_time=_whole(3 * serve.ping),
        header_count=LOOSER * max(one.size.header_count for one in classes),
        header_line=max(one.size.header_bytes + one.target.max_length for one in classes),
        body=LOOSER * max(one.size.body for one in classes),
        requests=_requests(policy, classes),
        per_client=serve.connections,
        streams=max(one.load.requests for one in classes),
        connections=edge.connections,
        prefix=policy.client.ipv6_prefix,
        group=edge.group,
        processes=policy.processes,
    )


def _silent(policy: Policy) -> bool:
    """Whether nobody may write HSTS: in development, or where the headers are off."""
    return policy.development or policy.headers.mode is Mode.OFF


def _whole(seconds: float) -> int:
    return max(1, round(seconds))


def _names(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    compile_hosts(policy.hosts)
    exact = [host_name(one) for one in policy.hosts if not one.startswith("*.")]
    below = tuple(host_name(one[2:]).name for one in policy.hosts if one.startswith("*."))
    names = tuple(one.name for one in exact if not one.ip)
    if not names and not below:
        raise EdgeRefused(
            "hosts", "The policy names no host that a proxy could serve.", remedy='Set hosts = ["www.example.com"].'
        )
    return names, below


def _believed(policy: Policy) -> None:
    """The application must believe what the proxy says, or all clients are one, or none."""
    path, port = parse_listener(policy.edge.upstream)
    networks, unix = parse_proxies(policy.proxies)
    if port is None and not unix:
        raise EdgeRefused(
            "proxies", f"The application would not believe a proxy that connects to unix:{path}.",
            remedy='Add "unix" to `proxies`.',
        )  # fmt: skip
    if port is not None and not networks:
        raise EdgeRefused(
            "proxies", f"The application at {policy.edge.upstream} would believe no proxy.",
            remedy="Add the proxy's own address to `proxies`, as the application sees it.",
        )  # fmt: skip


def _requests(policy: Policy, classes: list[Policy]) -> Requests | None:
    """The rate beyond which a client can't be within the policy: classes with limits of their own count apart."""
    apart = [policy, *(one for one in classes[1:] if one.overrides("rate"))]
    quickest = list(_quickest(apart))
    if len(quickest) < len(apart):
        return None  # a class without limit: then the proxy has none either
    per_minute = sum(limit * 60 / window for limit, window, _ in quickest)
    return Requests(_whole(LOOSER * per_minute), 60.0, LOOSER * sum(burst for _, _, burst in quickest))


def _quickest(classes: list[Policy]) -> Iterator[tuple[int, float, int]]:
    """For each class the limit that lets most through; where it has several, all of them hold, so any bounds it."""
    for one in classes:
        if one.rate.mode is Mode.ENFORCE and one.rate.address:
            rate = one.rate.address[0]
            yield rate.limit, rate.window, rate.burst
