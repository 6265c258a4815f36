"""Types of secret values in a schema: `Secret[str]`, with what is known of each kind.

Lets pass: a secret in a key of another type (`str`): it is shown by `garrison config` as it is.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..policy.links import check_link_name
from ..secrets.secret import Secret


class SecretValue:
    """Marks a key as secret. Any text is taken; one that is a reference is resolved first."""

    kind: ClassVar[str] = "secret"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # "json" only: a copy of the configuration in Python keeps its secrets.
        refuse = core_schema.plain_serializer_function_ser_schema(_refuse, when_used="json")
        return core_schema.no_info_plain_validator_function(_secret, serialization=refuse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "password", "writeOnly": True}


class KeyMaterial(SecretValue):
    """A key for signing or encryption: 256 random bits at least, in production (`secrets/strength.py`)."""

    kind = "key"


class LinkTo(SecretValue):
    """An address, password included, of a service that `allow_insecure_link` calls `name`."""

    kind = "link"

    def __init__(self, name: str) -> None:
        self.name = check_link_name(name)


SecretText = Annotated[Secret[str], SecretValue()]
"""A password or token."""
SigningKey = Annotated[Secret[str], KeyMaterial()]
"""A key for signing or encryption; weak ones are refused in production."""
DatabaseUrl = Annotated[Secret[str], LinkTo("database")]
"""The address of a database; off loopback it has to be verified: `postgresql://…?sslmode=verify-full`."""
MailUrl = Annotated[Secret[str], LinkTo("mail")]
"""The address of a mail server: `smtps://user:password@mail.example.com`."""
StoreUrl = Annotated[Secret[str], LinkTo("store")]
"""The address of a Redis or Valkey server: `rediss://…`."""


def _secret(value: object) -> Secret[str]:
    if isinstance(value, Secret) and isinstance(value.reveal(), str):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("it should be a text, and not empty")
    return Secret(value)


def _refuse(value: object) -> NoReturn:
    raise TypeError("a configuration with secrets does not turn into JSON")
