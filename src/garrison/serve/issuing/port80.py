"""Port 80: challenges of the authority, and a redirect to https for the names that are ours. Nothing else.

Threat: an open redirect to a host of the attacker's choice, plain http that leads into the application, slow or
countless connections. The target is passed on byte for byte and may hold visible ASCII only, so nothing can be
smuggled into the answer's header (CWE-113, CWE-601). Assumption: challenges' tokens are the authority's secrets until
they are used. Lets pass: what a client sent to port 80 in the first place was sent in the clear.

Source: RFC 8555 section 8.3, RFC 9110 section 15.4.9 (308 keeps the method).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from typing import Final

from ...core.facts import Host
from ...core.host import parse_host
from ..clients import Clients
from ..small import Answer, SmallServer

_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,8191}) HTTP/1\.[01]").fullmatch
_HOST: Final = re.compile(rb"host:[ \t]*([\x21-\x7e]*)[ \t]*", re.IGNORECASE).fullmatch
_CHALLENGES: Final = "/.well-known/acme-challenge/"

Known = Callable[[Host], bool]


def answer(head: bytes, challenges: Mapping[str, str], known: Known, https_port: int) -> Answer:
    """Status, Location ("" for none) and body for the header block `head`, which ends before its empty line."""
    first, *rest = head.split(b"\r\n")
    line = _LINE(first)
    if line is None or b"#" in line[2]:
        return 400, "", b"malformed request\n"
    method, target = line[1], line[2].decode("ascii")
    hosts = [found[1] for found in map(_HOST, rest) if found is not None]
    host = parse_host(hosts[0]) if len(hosts) == 1 else None
    if host is None:
        return 400, "", b"no usable Host\n"
    if target.startswith(_CHALLENGES):
        found = challenges.get(target.removeprefix(_CHALLENGES))
        if found is None or method not in (b"GET", b"HEAD"):
            return 404, "", b"no such challenge\n"
        return 200, "", found.encode("ascii")
    if not known(host) or host.ip:
        return 421, "", b"not a name of this server\n"
    port = "" if https_port == 443 else f":{https_port}"
    return 308, f"https://{host.name}{port}{target}", b""


class Port80(SmallServer):
    """The listener, with the challenges it answers now."""

    def __init__(self, listeners: list[socket.socket], clients: Clients, known: Known, https_port: int) -> None:
        super().__init__("port80", listeners, clients, self._respond)
        self._known = known
        self._https_port = https_port
        self._challenges: dict[str, str] = {}

    def show(self, token: str, text: str | None) -> None:
        """Answer `text` for a challenge's `token`; None takes it away. From any thread."""
        if text is None:
            self._challenges.pop(token, None)
        else:
            self._challenges[token] = text

    def _respond(self, head: bytes) -> Answer:
        return answer(head, self._challenges, self._known, self._https_port)
