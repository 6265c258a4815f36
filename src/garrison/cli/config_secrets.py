"""The secrets of the application's own configuration, for commands that speak of all secrets. No value is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Config
    from ..policy.model import Policy

READER = "the configuration"
"""Who reads them: whatever has the configuration in its hands."""


def config_references(policy: Policy) -> Mapping[str, str]:
    """What the configuration refers to, by key (`config.db.dsn`); nothing where the policy names no schema.

    Raises what keeps the schema from being loaded.
    """
    if not policy.config:
        return {}
    from ..config.keys import at
    from ..config.load import gather
    from ..policy.held import environment
    from ..policy.reference import is_reference
    from .config import schema_of

    schema = schema_of(policy.config)
    found = gather(schema, (), environment())
    values = {key.name: at(found.values, key.path) for key in schema.every_key() if key.secret}
    return {
        f"config.{name}": text
        for name, text in values.items()
        if isinstance(text, str) and name not in found.literal and is_reference(text)
    }


def left_in_environment(config: Config, policy: Policy) -> Iterator[tuple[str, str]]:
    """Secrets in variables that `garrison serve` would leave where they are: the key, and the variable."""
    from ..policy.held import environment, secret_variables
    from ..policy.source import Kind

    hidden = secret_variables(policy, environment())
    for key in config.every_key():
        reference, source = config.reference(key.name), config.source(key.name)
        variable = reference.removeprefix("env:") if reference.startswith("env:") else ""
        if not reference and source.kind is Kind.ENVIRONMENT:
            variable = source.name
        if key.secret and variable and variable not in hidden:
            yield key.name, variable
