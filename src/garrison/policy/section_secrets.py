"""`[secrets]`: which secrets there are, where each is kept, and who may have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from .reference import NAME, check_reference
from .section import Frozen
from .units import Seconds

SecretName = Annotated[str, Field(pattern=rf"^{NAME}$")]
Pattern = Annotated[str, Field(pattern=rf"^(?:{NAME}(?:\.\*)?|\*)$")]
Component = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
ReferenceText = Annotated[str, AfterValidator(check_reference)]


class SecretsSection(Frozen):
    """The application's own secrets, by name. Each is a reference; no secret stands in a policy."""

    named: Mapping[SecretName, ReferenceText] = Field(default_factory=dict)
    """Where each secret is kept: `"db.password" = "env:DB_PASSWORD"`, or `file:/absolute/path`."""
    needs: Mapping[Component, tuple[Pattern, ...]] = Field(default_factory=dict)
    """Which secrets a component gets: `mailer = ["mail.*"]`. It sees no others."""
    refresh: Annotated[Seconds, Field(ge=0)] = 60.0
    """How often the sources are read again, so that a new value is put to use; 0: never."""
