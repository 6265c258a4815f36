"""The schema that the tests read, and what makes it whole."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from garrison.config import (
    Config,
    DatabaseUrl,
    MailUrl,
    SecretText,
    Section,
    SettingsConfigDict,
    SigningKey,
)

KEY = "q3Wv8LzT1xRkC6pYb0nMd5hJs9gUa2eFi7oQK4yBvXE"
DSN = "postgresql://shop:Zk41xq8Pw2@db.example.com/shop?sslmode=verify-full"
WHOLE = {"SHOP_KEY": KEY, "SHOP_DB__DSN": DSN, "SHOP_NAME": "O'Brien's 🛒"}
CANARY = "canary-b8f2Qx77-Lm"


class Database(Section):
    """Where data is kept."""

    dsn: DatabaseUrl
    """Its address, with user and password."""
    pool: int = 5
    """Connections that are kept open."""


class Mail(Section):
    """Where mail goes out."""

    url: MailUrl | None = None
    token: SecretText | None = None
    """Of the mail provider."""


class Shop(Config):
    """The configuration of a shop."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    name: str
    """What is written above the door."""
    debug: bool = False
    hosts: tuple[str, ...] = ()
    key: SigningKey
    """Signs links."""
    limits: dict[str, int] = Field(default_factory=dict)
    db: Database
    mail: Mail = Mail()


def with_places(**places: Any) -> type[Shop]:
    """`Shop` with `toml_file` or `secrets_dir`."""

    class Placed(Shop):
        model_config = SettingsConfigDict(env_prefix="SHOP_", **places)

    return Placed
