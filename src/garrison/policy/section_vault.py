"""`[vault]`: the Vault or OpenBao server that `vault:` references are read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from .reference import parse_reference
from .section import Frozen
from .units import Seconds


def _elsewhere(text: str) -> str:
    if text and parse_reference(text).scheme in {"vault", "lease"}:
        raise ValueError("what logs in to the server can't be kept in it: env:NAME, file:/absolute/path or sealed:NAME")
    return text


def _address(text: str) -> str:
    parts = urlsplit(text)
    plain = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if text and not (parts.scheme in {"http", "https"} and parts.hostname and plain):
        raise ValueError("the server's address is https://host:8200, without user, path or query")
    return text.rstrip("/")


_MAKES: Final = re.compile(
    r"auth/[A-Za-z0-9_/-]+/(?:role/[A-Za-z0-9_.-]+/(?:custom-)?secret-id|create(?:/[A-Za-z0-9_.-]+)?)"
)


def _makes_first_secret(path: str) -> str:
    if path and not _MAKES.fullmatch(path) and path != "auth/token/create":
        raise ValueError(
            "what makes the wrapping token is auth/approle/role/NAME/secret-id, or auth/token/create/NAME; "
            "by any other path, whoever opened it could wrap it anew"
        )
    return path


_NEEDED: Final = {
    "token": ("token",), "approle": ("role_id", "secret_id"), "jwt": ("role", "jwt"), "kubernetes": ("role", "jwt"),
}  # fmt: skip
Credential = Annotated[str, AfterValidator(_elsewhere)]
Address = Annotated[str, AfterValidator(_address)]

Mount = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")]
KeyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
TransitRight = Literal["encrypt", "decrypt", "rewrap", "sign", "verify", "hmac", "rotate"]


class VaultSection(Frozen):
    """Vault or OpenBao, key-value engine version 2; needs `garrison[vault]`."""

    address: Address = ""
    """The server: `https://vault.example.com:8200`."""
    auth: Literal["token", "approle", "jwt", "kubernetes"] = "approle"
    """How to log in."""
    token: Credential = ""
    """auth = "token": where the token is kept, as a reference."""
    role_id: Credential = ""
    """auth = "approle": where the role's id is kept, as a reference."""
    secret_id: Credential = ""
    """auth = "approle": where the secret id is kept, as a reference."""
    role: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,128}$")] = ""
    """auth = "jwt" or "kubernetes": the role to log in as."""
    jwt: Credential = ""
    """auth = "jwt" or "kubernetes": where the token is kept that says who we are, as a reference."""
    auth_mount: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$")] = ""
    """Where the log-in method is mounted; empty: where it usually is, under its own name."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]*$")] = ""
    """The namespace; empty for none."""
    ca: str = ""
    """File with the authorities that may have signed the server's certificate; empty takes those of `certifi`."""
    timeout: Annotated[Seconds, Field(gt=0, le=60)] = 5.0
    """How long one answer may take."""
    unwrap: Annotated[str, AfterValidator(_makes_first_secret)] = ""
    """What makes the wrapping token that `secret_id` (or `token`) leads to: `auth/approle/role/shop/secret-id`; empty
    when it leads to the secret itself."""
    grace: Annotated[Seconds, Field(ge=0, le=3600)] = 30.0
    """How long a leased credential stays good once its successor is in use: what was begun with it has this long."""

    transit_mount: Mount = "transit"
    """Where the transit engine is mounted, which encrypts and signs without giving its keys away."""
    transit: Mapping[KeyName, tuple[TransitRight, ...]] = Field(default_factory=dict)
    """Keys of that engine, and what the application may do with each: `notes = ["encrypt", "decrypt"]`."""

    pki: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+/)+[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$|^$")] = ""
    """Have this role of the PKI engine sign certificates for `garrison serve --domain`, not ACME: `pki/shop`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.pki and not self.address:
            raise ValueError("pki needs a server: write `address` and a log-in")
        needed = _NEEDED[self.auth]
        if self.address and not all(getattr(self, name) for name in needed):
            raise ValueError(f'auth = "{self.auth}" needs {" and ".join(f"`{name}`" for name in needed)}')
        if self.unwrap and (self.auth, "secret-id" in self.unwrap) not in {("approle", True), ("token", False)}:
            raise ValueError('a secret id is unwrapped for auth = "approle", a token for auth = "token"')
        return self
