"""`[secrets]`: which secrets there are, where each is kept, and who may have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from .reference import NAME, check_reference, parse_reference
from .section import Frozen
from .units import Seconds

SecretName = Annotated[str, Field(pattern=rf"^{NAME}$")]
Pattern = Annotated[str, Field(pattern=rf"^(?:{NAME}(?:\.\*)?|\*)$")]
Component = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
ReferenceText = Annotated[str, AfterValidator(check_reference)]


def _plain(text: str) -> str:
    if text and parse_reference(text).scheme not in {"env", "file", "mounted", "keyring"}:
        raise ValueError(
            "the identity opens the sealed file, so it is kept elsewhere: env:NAME, file:/path or keyring:shop/identity"
        )
    return text


class SecretsSection(Frozen):
    """The application's own secrets, by name. Each is a reference; no secret stands in a policy."""

    named: Mapping[SecretName, ReferenceText] = Field(default_factory=dict)
    """Where each secret is kept: `"db.password" = "env:DB_PASSWORD"`, `file:/absolute/path`, `sealed:NAME`."""
    needs: Mapping[Component, tuple[Pattern, ...]] = Field(default_factory=dict)
    """Which secrets a component gets: `mailer = ["mail.*"]`. It sees no others."""
    refresh: Annotated[Seconds, Field(ge=0)] = 60.0
    """How often the sources are read again, so that a new value is put to use; 0: never."""
    file: str = ""
    """The sealed file, deployed with the application: `secrets.sealed`. `garrison secrets init` makes it."""
    identity: Annotated[str, AfterValidator(_plain)] = ""
    """Where the age identity that opens it is kept: `env:`, `file:`, `mounted:` or `keyring:shop/identity`."""
    signers: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")], ...] = ()
    """Public keys whose signature the sealed file may carry, as `garrison secrets init` prints them."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({bool(self.file), bool(self.identity), bool(self.signers)}) > 1:
            raise ValueError("file, identity and signers go together: a file that nobody pinned can be forged")
        return self
