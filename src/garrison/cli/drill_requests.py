"""What a drill sends: a few requests that look like an attack, change nothing, and bear the mark of the drill.

Threat: a drill that is taken for an attack, since a proxy in between changes what was signed or the application has
another key. So one harmless request asks first whether the mark holds, and nothing else is sent when it does not.
Bounded: at most ten requests, ten seconds each, redirects never followed.
Lets pass: paths that the application does serve are asked for like by anybody else; all of them are GET.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..core.drill import HEADER, mark
from ..core.errors import OperatorError
from ..core.ports import Sign
from ..policy.model import Policy
from ..scan.live import Live

SECONDS: Final = 10.0
CLIENT: Final = "192.0.2.1"
"""Whom a drill speaks for where this machine is a trusted proxy: an address that is nobody's (RFC 5737)."""
_ANSWER: Final = 65_536
_AGENT: Final = "garrison-drill/1"
_TOOL: Final = "sqlmap/1.8.2#stable (https://sqlmap.org)"
_HEADER: Final = HEADER.decode("ascii")


class NotMarked(OperatorError):
    """The application does not take the mark of the drill, or can't be reached."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"No drill was begun at {where}: {why}.",
            remedy="Nothing but one harmless request was sent. Use the application's own policy and key, and the "
            "address at which it listens itself: a proxy in between must not change Host or path.",
            reference="docs/detection/incidents.md",
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A simulated attack: the paths that are asked for one after the other, and by what name."""

    says: str
    paths: Sequence[str]
    agent: str = _AGENT


_SCENARIOS: Final[Mapping[str, Scenario]] = {
    "probing": Scenario("known weak places are looked for", ("/.env", "/.git/config", "/phpinfo.php", "/web.config")),
    "scanner": Scenario("an attack tool looks around", tuple(f"/garrison-drill/{n}" for n in range(4)), _TOOL),
    "injection": Scenario(
        "attacks are written into paths",
        ("/garrison-drill/%3Cscript%3Ealert(1)%3C/script%3E", "/garrison-drill/x'%20or%201=1--",
         "/garrison-drill/1%20union%20select%20name%20from%20users"),
    ),
}  # fmt: skip


def scenarios(policy: Policy) -> Mapping[str, Scenario]:
    """What can be simulated: with a honey path in the policy, its touch too."""
    traps = policy.detection.honey_paths
    return {**_SCENARIOS, "trap": Scenario("a trap is touched", traps[:1])} if traps else _SCENARIOS


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests of one drill to `target`. `host` is the Host header and, over TLS, the name that is checked;
    `more` are further headers."""

    target: Live
    drill: str
    sign: Sign
    host: str
    context: ssl.SSLContext | None
    wall: Callable[[], float]
    more: Mapping[str, str]

    def ready(self, prefix: str) -> None:
        """Ask whether the mark holds. Raises `NotMarked`."""
        where = self.target.shown
        try:
            status, said = self._ask(f"{prefix}drill", _AGENT)
        except ssl.SSLError as error:
            raise NotMarked(where, f"its certificate is not trusted ({error.reason}); name the CA with --ca") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotMarked(where, f"it does not answer ({type(error).__name__})") from None
        if said != self.drill:
            raise NotMarked(where, f"it answered {status} and did not recognise the mark")

    def send(self, scenario: Scenario) -> int:
        """Send what `scenario` says; how many were answered. A request without an answer ends it."""
        for number, path in enumerate(scenario.paths[:10]):
            try:
                self._ask(path, scenario.agent)
            except (OSError, http.client.HTTPException):  # cut off: that may be what defends the site
                return number
        return len(scenario.paths)

    def _ask(self, path: str, agent: str) -> tuple[int, str]:
        parts = urlsplit(self.target.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with closing(http.client.HTTPConnection(parts.hostname or "", port, timeout=SECONDS)) as connection:
            connection.connect()
            if self.context is not None:
                plain: socket.socket = connection.sock
                connection.sock = self.context.wrap_socket(plain, server_hostname=_name(self.host))
            signed = mark(self.sign, self.drill, self.wall(), "GET", self.host, path)
            headers = {"Host": self.host, "User-Agent": agent, _HEADER: signed, "Connection": "close", **self.more}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read(_ANSWER)
            return answer.status, answer.getheader(_HEADER, "")


def forwarded(policy: Policy) -> dict[str, str]:
    """Where this machine counts as a proxy, whom it speaks for: nobody is charged for what a proxy asks for itself."""
    networks = [ip_network(text, strict=False) for text in policy.proxies if text != "unix"]
    if not any(ip_address(one) in network for one in ("127.0.0.1", "::1") for network in networks):
        return {}
    if policy.client.header == "forwarded":
        return {"Forwarded": f"for={CLIENT};proto=https"}
    return {policy.client.header: CLIENT, "x-forwarded-proto": "https"}


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or host


def context_for(target: Live, ca: Path | None) -> ssl.SSLContext | None:
    """How the certificate of `target` is judged: by `ca`, else on this machine also by its development CA, else by the
    machine's store. Raises OSError for a file that can't be read."""
    from ..serve.devca import default_folder

    if not target.url.startswith("https://"):
        return None
    made = ssl.create_default_context(cafile=str(ca) if ca else None)
    own = default_folder() / "ca.pem"
    if ca is None and target.is_loopback and own.is_file():
        made.load_verify_locations(cafile=str(own))
    return made
