"""The database engine and its sessions."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool

from .models import Base

_PREPARING: Final = 0x6E6F746573
"""The advisory lock under which tables are made; any number that nothing else in the database uses."""
_log: Final = logging.getLogger(__name__)


class Database:
    """An asynchronous engine; `sessions()` opens a session."""

    def __init__(self, url: URL) -> None:
        self._open(url)
        self._left: list[AsyncEngine] = []

    def _open(self, url: URL) -> None:
        self.engine = create_async_engine(url, hide_parameters=True)
        self.sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(self.engine, expire_on_commit=False)
        if url.get_backend_name() == "sqlite":
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)

    def switch(self, url: URL) -> None:
        """Open sessions at `url` from now on, as another user or with another password. Nobody is interrupted: a
        session that is open goes on, and its connection is closed when it is given back."""
        self._left.append(self.engine)
        self._open(url)

    async def let_go(self) -> None:
        """Close the engines before, each when the last of its sessions has ended."""
        for left in tuple(self._left):
            while isinstance(left.pool, QueuePool) and left.pool.checkedout():  # noqa: ASYNC110  # a pool tells nobody
                await asyncio.sleep(0.05)
            try:
                await left.dispose()
                self._left.remove(left)
            except (SQLAlchemyError, OSError, ValueError) as error:  # closed by the other side, or by another of us
                _log.warning("old database connections: %s", type(error).__name__)

    async def create(self) -> None:
        """Make the tables that are missing."""
        async with self.engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":  # other machines may start now, too
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PREPARING})
            await connection.run_sync(Base.metadata.create_all)

    async def close(self) -> None:
        for left in self._left:
            await left.dispose()
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, record: Any) -> None:
    """SQLite checks foreign keys only when asked, for each connection."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
