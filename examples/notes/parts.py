"""What requests work with, made once per application; and the dependencies that hand it out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from garrison.accounts import OidcLogin, Passwords
from garrison.accounts.bearer_http import Fetch
from garrison.core.exchange import Exchange, Principal
from garrison.fastapi import AUTHENTICATED, LOGGED_IN, Garrison, UploadPolicy, allow, enforces, exchange
from garrison.policy.model import PasswordsSection, Policy
from garrison.secrets import Secret, Secrets

from .database import Database
from .errors import ADMINISTRATORS, LOG_IN_FIRST
from .live import Hub
from .models import User
from .previews import Previews
from .settings import Settings, with_driver


@dataclass(frozen=True)
class Parts:
    """The application's own services."""

    settings: Settings
    database: Database
    passwords: Passwords
    uploads: UploadPolicy
    imports: UploadPolicy
    previews: Previews
    hub: Hub
    oidc: OidcLogin | None

    @classmethod
    def build(cls, settings: Settings, policy: Policy, secrets: Secrets | None = None) -> Parts:
        """The parts of `settings`; those that have `[secrets.needs]` get what they need from `secrets`."""
        return cls(
            settings,
            _database(settings, secrets),
            Passwords(PasswordsSection(profile=settings.hash_profile), development=settings.development),
            UploadPolicy(settings.files, policy=policy),
            UploadPolicy(settings.data / "imports", name="imports", policy=policy),
            Previews(allow_loopback=settings.allow_insecure_loopback_preview),
            Hub(),
            _oidc(settings, secrets),
        )

    async def delete_files(self, keys: Sequence[str], current: Exchange) -> None:
        """Remove attachments from the disk."""
        for key in keys:
            await self.uploads.delete(key, current)


def _database(settings: Settings, secrets: Secrets | None) -> Database:
    """At the address of the settings, or of the secret `db.dsn`; a new value of that is put to use as it comes."""
    if secrets is None or "database" not in secrets.section.needs:
        return Database(settings.database_url)
    view = secrets.view("database")
    database = Database(with_driver(view.get("db.dsn").reveal()))

    async def rotated(new: Secret[str]) -> None:
        database.switch(with_driver(new.reveal()))
        await database.let_go()

    view.on_change("db.dsn", rotated)
    return database


def _oidc(settings: Settings, secrets: Secrets | None) -> OidcLogin | None:
    """Raises `NotHttps` for a provider without TLS."""
    provider = settings.provider
    if provider is None:
        return None
    view = secrets.view("openid") if secrets is not None and "openid" in secrets.section.needs else None
    if view is not None:
        provider = replace(provider, client_secret=view.get("oidc.secret"))
    login = OidcLogin(provider, Fetch(allow_insecure_http=True) if settings.allow_insecure_oidc_http else None)
    if view is not None:
        view.on_change("oidc.secret", login.use_secret)
    return login


def parts(connection: HTTPConnection) -> Parts:
    found: Parts = connection.app.state.parts
    return found


WithParts = Annotated[Parts, Depends(parts)]


async def database_session(own: WithParts) -> AsyncIterator[AsyncSession]:
    async with own.database.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(database_session)]


class LogInFirst(HTTPException):
    """Nobody is logged in. Pages lead to the log-in form, the API answers 401."""

    def __init__(self) -> None:
        super().__init__(LOG_IN_FIRST.status, LOG_IN_FIRST.sentence)


async def find_user(
    session: AsyncSession, connection: HTTPConnection, kinds: tuple[str, ...] = ("user",)
) -> User | None:
    """The account behind the session (or, among `kinds`, the API key), unless it was disabled since."""
    principal = exchange(connection).principal
    if principal is None or principal.kind not in kinds:
        return None
    user = await session.get(User, UUID(principal.id))
    return None if user is None or user.disabled else user


@enforces(LOGGED_IN)
async def current_user(connection: HTTPConnection, session: Session) -> User:
    """Who is asking. Raises `LogInFirst`. The role comes from the table, so that a change holds at once."""
    user = await find_user(session, connection)
    if user is None:
        raise LogInFirst
    return user


CurrentUser = Annotated[User, Depends(current_user)]


@enforces(AUTHENTICATED)
async def api_user(connection: HTTPConnection, session: Session) -> User:
    """Who is asking the API, with an API key too. Raises `LogInFirst`."""
    user = await find_user(session, connection, ("user", "api-key"))
    if user is None:
        raise LogInFirst
    return user


ApiUser = Annotated[User, Depends(api_user)]


def _may(scope: str) -> Callable[[Principal, Exchange], bool]:
    """People may all that is theirs; a key may what it was made for."""
    return lambda who, _: who.kind == "user" or scope in who.scopes


MayRead = allow(_may("notes:read"), "notes:read")
MayWrite = allow(_may("notes:write"), "notes:write")


def require_admin(user: CurrentUser) -> User:
    if user.role != "admin":
        raise ADMINISTRATORS.error()
    return user


Admin = Annotated[User, Depends(require_admin)]

__all__ = [
    "Admin",
    "ApiUser",
    "CurrentUser",
    "Garrison",
    "LogInFirst",
    "MayRead",
    "MayWrite",
    "Parts",
    "Session",
    "WithParts",
    "find_user",
    "parts",
]
