"""Questions to a proxy on trial, and what its answers mean.

Threat: a proxy that lets through what it was to stop, or writes what the application writes too. Each probe sends bytes
over the network as an attacker or a browser would, and looks at what came back and at what reached the place of the
application. Lets pass: what takes long to see (deadlines, caps); the test suite of Garrison looks at those.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .site import Site
from .stand_in import KEY, Seen

APPLICATION: Final = ("Server: stand-in", "Strict-Transport-Security: max-age=1")
"""What the application of a trial answers with: a Server header, and an HSTS that only it would write."""
_SECONDS: Final = 5.0
_FALSE: Final = (b"6.6.6.6", b"evil.example")


@dataclass(frozen=True, slots=True)
class Trial:
    """A proxy on trial: how to ask it, and what came through."""

    server: str
    site: Site
    seen: Seen

    @property
    def host(self) -> str:
        return self.site.names[0] if self.site.names else f"www.{self.site.below[0]}"

    def ask(self, *lines: str, target: str = "/", tls: bool = True, method: str = "GET", host: str = "") -> bytes:
        """The answer to a request with these header lines after Host; empty when there is none."""
        head = "".join(f"{line}\r\n" for line in (f"Host: {host or self.host}", *lines, "Connection: close"))
        return self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("ascii"), tls=tls)

    def send(self, data: bytes, *, tls: bool = True) -> bytes:
        """What comes back for these bytes."""
        heard = bytearray()
        port = self.site.https_port if tls else self.site.http_port
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), _SECONDS) as plain:
            connection = _anybody().wrap_socket(plain, server_hostname=self.host) if tls else plain
            with connection:
                connection.sendall(data)
                while part := connection.recv(65_536):
                    heard += part
        return bytes(heard)


def _anybody() -> ssl.SSLContext:
    """A client that trusts every certificate: the trial's own is signed by nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def status(answer: bytes) -> int:
    """The status of an answer; 0 when there is none."""
    line = answer.partition(b"\r\n")[0].split(b" ")
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else 0


def values(answer: bytes, name: str) -> list[str]:
    """All values of a header in an answer."""
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return [value.strip() for found, _, value in pairs if found.lower() == name]


Probe = Callable[[Trial], Iterator[str]]
"""Says what is wrong, or nothing."""


def passes_requests(trial: Trial) -> Iterator[str]:
    answer = trial.ask(target="/a%2Fb?x=1")
    if status(answer) != 200 or b"GET /a%2Fb?x=1 HTTP/1.1" not in answer:
        yield f"GET /a%2Fb?x=1 was answered {status(answer)} and not passed on as it was."


def redirects_known_hosts_only(trial: Trial) -> Iterator[str]:
    answer = trial.ask(target="/a%2Fb?x=1", tls=False)
    wanted = f"https://{trial.host}{trial.site.port_suffix}/a%2Fb?x=1"
    if status(answer) != 308 or values(answer, "location") != [wanted]:
        yield f"http://{trial.host}/a%2Fb?x=1 was answered {status(answer)} {values(answer, 'location')}."
    stranger = trial.ask(target="/", tls=False, host="evil.example")
    if values(stranger, "location") or not 400 <= status(stranger) < 500:
        yield f"http://evil.example/ was answered {status(stranger)} {values(stranger, 'location')}."


def keeps_strangers_out(trial: Trial) -> Iterator[str]:
    before = len(trial.seen.heads)
    answer = trial.ask(host="evil.example")
    if len(trial.seen.heads) > before or not 400 <= status(answer) < 500:
        yield f"A request for evil.example was answered {status(answer)}."


def overwrites_what_clients_say(trial: Trial) -> Iterator[str]:
    names = ("X-Forwarded-For", "x_forwarded_for", "X-Real-IP", "X_Real_IP", "x-real_ip", "True-Client-IP", "FORWARDED")
    lines = [f"{name}: 6.6.6.6" for name in names]
    answer = trial.ask(*lines, "X-Forwarded-Host: evil.example", "X-ORIGINAL-URL: http://evil.example/")
    if status(answer) != 200:
        yield f"A request with forwarding headers was answered {status(answer)}."
    for false in _FALSE:
        if false in answer:
            yield f"{false.decode()} reached the application, in a header that the client wrote."
    told = b"for=127.0.0.1" if trial.site.forwarded else b"x-forwarded-for: 127.0.0.1"
    if told not in answer.lower():
        yield "The client's address did not reach the application."


def upgrades_to_websocket_only(trial: Trial) -> Iterator[str]:
    data = f"GET / HTTP/1.1\r\nHost: {trial.host}\r\nConnection: Upgrade, close, HTTP2-Settings\r\n"
    answer = trial.send(f"{data}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode("ascii"))
    if b"h2c" in answer or status(answer) == 101:
        yield "A request to upgrade to h2c was passed on."


def reads_a_request_in_one_way(trial: Trial) -> Iterator[str]:
    before = len(trial.seen.heads)
    both = trial.ask("Content-Length: 5", "Transfer-Encoding: chunked", method="POST")
    trial.ask("Host: evil.example")
    for head in trial.seen.heads[before:]:
        lines = head.lower()
        if b"content-length" in lines and b"transfer-encoding" in lines:
            yield f"Content-Length and Transfer-Encoding were passed on together (answer {status(both)})."
        if lines.count(b"\r\nhost:") != 1 or b"evil.example" in lines:
            yield "A request with two different hosts was passed on."


def writes_each_header_once(trial: Trial) -> Iterator[str]:
    answer = trial.ask()
    wanted = [trial.site.hsts or "max-age=1"]
    if values(answer, "strict-transport-security") != wanted:
        yield f"Strict-Transport-Security is {values(answer, 'strict-transport-security')}, and should be {wanted}."
    if server := values(answer, "server"):
        yield f"Server is {server}, and should not be there."
    opened = trial.send(
        f"GET / HTTP/1.1\r\nHost: {trial.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode("ascii")
    )
    if status(opened) != 101:
        yield f"A WebSocket was answered {status(opened)}."
    if server := [name for name in values(opened, "server") if name]:
        yield f"Server is {server} when a WebSocket opens, and should not be there."


def speaks_the_profile_only(trial: Trial) -> Iterator[str]:
    weak = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-SHA")
    context = _anybody()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(weak) if not trial.site.modern else "ECDHE+AESGCM")
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", trial.site.https_port), _SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=trial.host) as connection,
    ):
        yield f"A handshake with {connection.version()} and {(connection.cipher() or ('?',))[0]} succeeded."


@dataclass(frozen=True, slots=True)
class Rule:
    """A probe with what its objection means."""

    id: str
    title: str
    severity: Severity
    consequence: str
    probe: Probe


RULES: Final = (
    Rule("E002", "Requests are not passed on as they are", Severity.HIGH,
         "Limits and rules by path see another path than the client sent.", passes_requests),
    Rule("E003", "Redirect to https loses its way", Severity.HIGH,
         "Links break, or anybody's host is redirected to.", redirects_known_hosts_only),
    Rule("E004", "Unknown hosts are served", Severity.HIGH,
         "A host of the attacker's choice ends up in links and caches.", keeps_strangers_out),
    Rule("E005", "Clients name their own address", Severity.CRITICAL,
         "Limits, bans and logs see whatever address an attacker chooses.", overwrites_what_clients_say),
    Rule("E006", "Upgrades to other protocols are passed on", Severity.HIGH,
         "HTTP/2 over cleartext tunnels past every rule of the proxy.", upgrades_to_websocket_only),
    Rule("E007", "Ambiguous requests are passed on", Severity.CRITICAL,
         "Requests can be smuggled into other people's connections.", reads_a_request_in_one_way),
    Rule("E008", "A header has two owners or none", Severity.MEDIUM,
         "Browsers see contradicting values, or learn what software this is.", writes_each_header_once),
    Rule("E009", "TLS is weaker than the profile", Severity.HIGH,
         "Connections can be negotiated down to what the profile leaves out.", speaks_the_profile_only),
)  # fmt: skip


def findings(trial: Trial) -> Iterator[Finding]:
    """Everything that the proxy on trial does wrong."""
    for rule in RULES:
        for message in rule.probe(trial):
            yield found(trial.server, rule.id, rule.title, rule.severity, message, rule.consequence)


def found(server: str, id: str, title: str, severity: Severity, message: str, consequence: str) -> Finding:
    return Finding(
        id=id, title=title, severity=severity, message=message, consequence=consequence, source=server,
        remedy="Update the server: Garrison's configuration was tried with the versions on the page.",
        reference=f"docs/edge/{server}.md", location=Location(key=f"edge.{server}"),
    )  # fmt: skip
