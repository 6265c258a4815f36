"""What has to be there before the first request, made by one worker at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from .parts import Parts
from .seed import seed

LOCK: Final = ".preparing"


async def prepare(own: Parts) -> None:
    """Make the folders, the tables and, if it is asked for, the demo user and notes."""
    own.settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with _alone(own.settings.data / LOCK):
        await own.uploads.prepare()
        await own.imports.prepare()
        await own.database.create()
        if own.settings.seed:
            await seed(own)


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """Workers start together, and none may find a table missing that another is just making."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # gives the lock back, as does the death of the process
