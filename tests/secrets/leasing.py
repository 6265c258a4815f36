"""An application with leases, in a time of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from garrison.policy.model import Policy
from garrison.secrets.leases import Leases
from garrison.secrets.named import Secrets
from garrison.secrets.resolver import Resolver
from garrison.secrets.secret import Secret
from garrison.secrets.source_lease import LeaseSource
from garrison.secrets.vault import Vault
from tests.support.leasing import Leasing


@dataclass
class Tenant:
    """An application that has leases of the role `name`, and watches time by `now`. Grace is 10 s."""

    leasing: Leasing
    name: str
    ttl: str = "1h"
    max_ttl: str = "24h"
    lines: str | None = None
    section: dict[str, Any] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    token: tuple[str, str] = ("1h", "2h")
    chance: float = 0.0
    now: float = 1000.0
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        bao = self.leasing.bao
        self.place = self.leasing.role(self.name, self.ttl, self.max_ttl)
        lines = self.leasing.lines(self.name) if self.lines is None else self.lines
        role, secret = bao.role(f"tenant-{self.name}", lines, *self.token)
        self.environ = {"ROLE": role, "SECRET_ID": secret}
        section = {
            "address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:SECRET_ID", "timeout": 3,
            "grace": 10, **self.section,
        }  # fmt: skip
        self.policy = Policy(
            vault=section, secrets={"named": self.named or {"db.dsn": self.leasing.template(self.name)}}
        )
        self.vault = Vault(self.policy.vault, lambda text: Secret(self.environ[text[4:]]), lambda: self.now)
        self.leases = Leases(self.vault, lambda: self.now, lambda: self.chance)
        self.resolver = Resolver([LeaseSource(self.leases)], self.vault)

    def open(self) -> Secrets:
        secrets = Secrets(self.policy.secrets, self.resolver)
        secrets.attach(lambda name, facts=None, /, **details: self.events.append((str(name), details)))
        return secrets

    def users(self) -> set[str]:
        return self.leasing.users(self.name)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The events called `name`."""
        return [details for one, details in self.events if one == name]


def user(dsn: Secret[str]) -> str:
    """Who logs in with the address `dsn`."""
    return urlsplit(dsn.reveal()).username or ""
