"""OpenBao's database engine in front of a real PostgreSQL: credentials that it makes, and takes away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # it tells no types

from garrison.secrets.leases import lease_lines

from .bao import Bao

PASSWORD = "the-superuser-4711"
_CREATE = """CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE notes_owner;
ALTER ROLE "{{name}}" SET ROLE notes_owner"""
_REVOKE = """ALTER ROLE "{{name}}" NOLOGIN;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';
DROP ROLE IF EXISTS "{{name}}\""""


def asked(url: str, *statements: str) -> list[Any]:
    """What the database at `url` answers to the last of `statements`, first column."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            for one in statements[:-1]:
                await connection.execute(one)
            return [row[0] for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return asyncio.run(ask())


@dataclass(frozen=True)
class Leasing:
    """Roles at `mount`, of the database at `url` (its superuser's address). Tables belong to `notes_owner`."""

    bao: Bao
    url: str
    mount: str = "database"

    def set_up(self) -> None:
        parts = urlsplit(self.url)
        asked(
            self.url, "CREATE ROLE notes_owner NOLOGIN", "GRANT ALL ON SCHEMA public TO notes_owner",
            f"CREATE ROLE vault LOGIN CREATEROLE PASSWORD '{PASSWORD}'", "GRANT notes_owner TO vault WITH ADMIN OPTION",
            "GRANT pg_signal_backend TO vault", "SELECT 1",
        )  # fmt: skip
        root = self.bao.root
        root.sys.enable_secrets_engine("database", path=self.mount)
        self.bao.wait(
            lambda: root.write(
                f"{self.mount}/config/notes", plugin_name="postgresql-database-plugin", allowed_roles="*",
                connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@{parts.hostname}:{parts.port}{parts.path}",
                username="vault", password=PASSWORD,
            )
        )  # fmt: skip

    def role(self, name: str, ttl: str = "1h", max_ttl: str = "24h") -> str:
        """Make or change a role; its place, for a reference."""
        self.bao.root.write(
            f"{self.mount}/roles/{name}", db_name="notes", default_ttl=ttl, max_ttl=max_ttl,
            creation_statements=[_CREATE], revocation_statements=[_REVOKE],
        )  # fmt: skip
        return f"{self.mount}/creds/{name}"

    def static_role(self, name: str, seconds: int = 3600) -> str:
        """A user that stays, with a password that is replaced every `seconds`; its place."""
        asked(self.url, f"CREATE ROLE {name} LOGIN", f"GRANT {name} TO vault WITH ADMIN OPTION", "SELECT 1")
        self.bao.root.write_data(
            f"{self.mount}/static-roles/{name}",
            data={"db_name": "notes", "username": name, "rotation_period": f"{seconds}s",
                  "rotation_statements": ["ALTER ROLE \"{{name}}\" PASSWORD '{{password}}'"]},
        )  # fmt: skip
        return f"{self.mount}/static-creds/{name}"

    def rotate(self, name: str) -> None:
        """Replace the password of a static role now."""
        self.bao.root.write_data(f"{self.mount}/rotate-role/{name}", data={})

    def lines(self, name: str) -> str:
        """The server policy that the role `name` needs."""
        return "\n".join(lease_lines(f"{self.mount}/creds/{name}"))

    def users(self, name: str) -> set[str]:
        """The users that the database has for the role `name`."""
        return {one for one in asked(self.url, "SELECT rolname FROM pg_roles") if f"-{name}-" in one}

    def template(self, name: str, kind: str = "creds") -> str:
        """A reference to a whole address."""
        parts = urlsplit(self.url)
        where = f"{parts.hostname}:{parts.port}{parts.path}"
        return f"lease://{self.mount}/{kind}/{name}#postgresql://{{username}}:{{password}}@{where}"
