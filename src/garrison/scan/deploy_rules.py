"""The rules for what runs the application: Compose files (D1xx) and systemd units (D2xx). Ids are never used again.

Threat: an application that was taken over, and goes on from there: to the host, to other containers, to the secrets
beside it. Source: OWASP Docker Security Cheat Sheet, CIS Docker Benchmark 1.6, systemd.exec(5).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .guidelines import guideline_of
from .routes_catalogue import Text
from .taxonomy import asvs, owasp

_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
_ESCAPE: Final = "Who takes over the application has the whole machine."
_MORE: Final = "Who takes over the application can do more than it needs."


class Deploy(Enum):
    """All rules."""

    PRIVILEGED = Text("D101", "Privileged container", _HIGH, _ESCAPE, "Take `privileged: true` out.", (250,))
    SOCKET = Text(
        "D102", "Socket of the container runtime mounted", _HIGH, _ESCAPE,
        "Take the mount out; what has to ask the runtime gets a proxy that only lets those questions through.", (250,),
    )  # fmt: skip
    NAMESPACE = Text(
        "D103", "Namespace of the host", _MEDIUM, "The container sees the host's processes, sockets or memory.",
        "Take the line out; publish single ports with `ports:`.", (653,),
    )  # fmt: skip
    PLAIN_SECRET = Text(
        "D104", "Secret in the environment of a Compose file", _HIGH,
        "Whoever reads the file, its history or `docker inspect` has it.",
        "Mount it with `secrets:` and read it with mounted:/run/secrets/NAME; change it now.", (798, 526),
    )  # fmt: skip
    LATEST = Text(
        "D105", "Image without a version", _LOW, "Tomorrow it is another one, and nobody knows which ran.",
        "Name version and digest: image: NAME:1.2.3@sha256:….", (1357,),
    )  # fmt: skip
    NO_DIGEST = Text(
        "D106", "Image without a digest", _INFO, "Who can push to the registry replaces what the version means.",
        "Add the digest that `docker buildx imagetools inspect` shows: NAME:1.2.3@sha256:….", (1357,),
    )  # fmt: skip
    STORE_PORT = Text(
        "D107", "Port of a store open on every network", _MEDIUM, "Anybody who reaches the host tries its passwords.",
        "Take `ports:` out, services reach each other without; or publish on loopback: 127.0.0.1:PORT:PORT.", (605,),
    )  # fmt: skip
    OPEN_PORT = Text(
        "D108", "Port open on every network", _LOW, "Clients go past the proxy, its TLS and its limits.",
        "Publish on loopback, for the proxy: 127.0.0.1:PORT:PORT; publish 80 and 443 only.", (605,),
    )  # fmt: skip
    WRITABLE_ROOT = Text(
        "D109", "Container can write its own program", _LOW, "What an attacker writes there runs next.",
        "read_only: true, and `tmpfs: [/tmp]` or a volume for what has to be written.", (732,),
    )  # fmt: skip
    CAPABILITIES = Text("D110", "Container keeps capabilities", _LOW, _MORE, "cap_drop: [ALL]", (250,))
    NEW_RIGHTS = Text(
        "D111", "Container may gain rights", _LOW, "A setuid program in the image makes the attacker its superuser.",
        "security_opt: [no-new-privileges:true]", (269,),
    )  # fmt: skip
    ADDED = Text(
        "D112", "Capability that opens the host", _MEDIUM, _ESCAPE, "Take it out of `cap_add:`; most need none.", (250,)
    )
    UNCONFINED = Text(
        "D113", "Confinement turned off", _MEDIUM, "Every system call of the kernel can be tried.",
        "Take `:unconfined` out; a profile of your own where the default one stops too much.", (653,),
    )  # fmt: skip
    HOST_FOLDER = Text(
        "D114", "Folder of the host writable", _HIGH, _ESCAPE,
        "Mount the one folder that is needed, and with `:ro` where it is only read.", (732,),
    )  # fmt: skip
    ROOT_USER = Text(
        "D115", "Container runs as root", _MEDIUM, "The first hole in the kernel is the host's.",
        'user: "10001:10001"', (250,),
    )  # fmt: skip

    UNIT_ROOT = Text(
        "D201", "Service runs as root", _MEDIUM, _ESCAPE, "DynamicUser=yes, or User= with an account of its own.",
        (250,),
    )  # fmt: skip
    UNIT_SECRET = Text(
        "D202", "Secret in a unit", _HIGH, "Every local user reads units, and `systemctl show` prints them.",
        "LoadCredential=NAME:/path, read with mounted:/run/credentials/UNIT/NAME; change it now.", (798, 526),
    )  # fmt: skip
    UNIT_NEW_RIGHTS = Text(
        "D203", "Service may gain rights", _LOW, "A setuid program makes the attacker its superuser.",
        "NoNewPrivileges=yes", (269,),
    )  # fmt: skip
    UNIT_SYSTEM = Text(
        "D204", "Service can write the system", _LOW, "What an attacker writes there runs next.",
        "ProtectSystem=strict, and StateDirectory= for what has to be written.", (732,),
    )  # fmt: skip
    UNIT_TMP = Text(
        "D205", "Service shares /tmp", _LOW, "Others put files and links where it looks for its own.", "PrivateTmp=yes",
        (377,),
    )  # fmt: skip
    UNIT_HOME = Text(
        "D206", "Service sees the homes", _LOW, "Keys and history of people are read.", "ProtectHome=yes", (552,)
    )
    UNIT_MODES = Text(
        "D207", "Everybody may write", _MEDIUM, "Any local user changes what the service reads.",
        "UMask=0077; modes of 0700 or 0750.", (732,),
    )  # fmt: skip
    UNIT_PLACE = Text(
        "D208", "Program in a folder where everybody writes", _HIGH, "Any local user puts another program there.",
        "Install it below /opt or /srv, owned by root.", (427,),
    )  # fmt: skip
    UNIT_FULL = Text(
        "D209", "Command or capability with the rights of root", _MEDIUM, _ESCAPE,
        "Take the `+` of the command away; only the capabilities that are needed (CAP_NET_BIND_SERVICE).", (250,),
    )  # fmt: skip

    def found(self, message: str, location: Location, mark: str) -> Finding:
        """One finding. `mark`: what its fingerprint holds on to, whichever line it stands in."""
        text: Text = self.value
        return Finding(
            id=text.id, title=text.title, severity=text.severity, message=message, consequence=text.consequence,
            remedy=text.remedy, reference=guideline_of(text.id), location=location, cwe=text.cwe,
            source="compose" if text.id < "D2" else "units", owasp=owasp(text.cwe), asvs=asvs(text.cwe),
            snippet=f"{text.id} {mark}",
        )  # fmt: skip
