"""What the application is told from outside. Unsafe combinations are refused here, before anything starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from sqlalchemy.engine import URL, make_url

from garrison.accounts import Provider
from garrison.config import Config, DatabaseUrl, SecretText, SettingsConfigDict, load_config
from garrison.secrets import Secret

DEMO_EMAIL: Final = "demo@example.com"
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_DEVELOPMENT_ONLY: Final = (
    "seed",
    "allow_insecure_planted_xss",
    "allow_insecure_loopback_preview",
    "allow_insecure_fast_hash",
    "allow_insecure_oidc_http",
)


def with_driver(written: str) -> URL:
    """A database's address with its asynchronous driver."""
    url = make_url(written)
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _new_password() -> Secret[str]:
    return Secret(secrets.token_urlsafe(12))


class Settings(Config):
    """Settings of the application. Garrison's own stand in `garrison.toml`.

    environment    "production" refuses every `allow_insecure_…`, the seeded login, and what garrison.config refuses
    data           folder for the SQLite file and the attachments (made with mode 0700); outside any web root
    database       database URL; empty is SQLite in `data`. `postgresql://…` uses asyncpg
    seed           make the demo user and a few notes at start
    demo_password  of the demo user; a new one for each run unless given
    attachment_bytes, storage_bytes   the largest file, and all files of one person together

    oidc_issuer    identity provider to log in with, https; empty for none. `oidc_client` and `oidc_secret` are what it
                   gave you, `oidc_back` the address registered with it: https://…/log-in/back

    allow_insecure_planted_xss       plants one stored and one reflected XSS, for tests of the CSP
    allow_insecure_loopback_preview  lets link previews ask loopback addresses, for tests
    allow_insecure_fast_hash         hashes passwords cheaply, so that test suites don't wait
    allow_insecure_oidc_http         asks a provider on this machine without TLS, for tests
    """

    model_config = SettingsConfigDict(env_prefix="NOTES_")

    data: Path = Path("notes-data")
    database: DatabaseUrl | None = None
    seed: bool = False
    demo_password: SecretText = Field(default_factory=_new_password)
    attachment_bytes: Annotated[int, Field(ge=1)] = 5 * 1024**2
    storage_bytes: Annotated[int, Field(ge=1)] = 50 * 1024**2
    oidc_issuer: str = ""
    oidc_client: str = ""
    oidc_secret: SecretText | None = None
    oidc_back: str = ""
    allow_insecure_planted_xss: bool = False
    allow_insecure_loopback_preview: bool = False
    allow_insecure_fast_hash: bool = False
    allow_insecure_oidc_http: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Settings from `NOTES_*` (`NOTES_DATABASE`, `NOTES_DATA`, …) and `GARRISON_ENVIRONMENT`.

        Raises `ConfigInvalid` for unknown names and unsafe values, all of them at once.
        """
        return load_config(cls, (), environ)

    @property
    def hash_profile(self) -> str:
        """Which of Garrison's password profiles hashes are made with."""
        return "testing" if self.allow_insecure_fast_hash else "interactive"

    @property
    def database_url(self) -> URL:
        """The database URL with its asynchronous driver."""
        return with_driver(self.database.reveal() if self.database else f"sqlite:///{self.data / 'notes.db'}")

    @property
    def files(self) -> Path:
        """Where attachments are stored, in quarantine at first."""
        return self.data / "files"

    @property
    def provider(self) -> Provider | None:
        """The identity provider as agreed with it, if there is one."""
        if not self.oidc_issuer:
            return None
        return Provider(self.oidc_issuer, self.oidc_client, self.oidc_secret)

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.database_url.drivername not in _DRIVERS.values():
            raise ValueError("the database must be SQLite or PostgreSQL")
        if self.oidc_issuer and not (self.oidc_client and self.oidc_back.startswith("https://")):
            raise ValueError("oidc_issuer needs oidc_client and oidc_back, an https address")
        if self.development:
            return self
        for name in _DEVELOPMENT_ONLY:
            if getattr(self, name):
                raise ValueError(f"{name} is for development and tests, never for production")
        return self
