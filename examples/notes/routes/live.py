"""The WebSocket that tells a page what happens to notes."""

from __future__ import annotations

from uuid import UUID

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from garrison.fastapi import Garrison, logged_in

from ..live import TooManyListeners
from ..parts import Parts, WithParts, find_user
from ..schemas import Live

router = APIRouter()


@router.websocket("/live", dependencies=[logged_in])
async def live(socket: WebSocket, own: WithParts, garrison: Garrison) -> None:
    """Refused before it is accepted when nobody is logged in. No database session is held while it is open."""
    async with own.database.sessions() as session:
        user = await find_user(session, socket)
    if user is None:
        await socket.close(1008)
        return
    await _serve(socket, own, user.id, garrison.session or "")


async def _serve(socket: WebSocket, own: Parts, user: UUID, session: str) -> None:
    try:
        with own.hub.listen(user, session) as stream:
            await socket.accept()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_wait_for_end, socket, tasks)
                await _pass_on(socket, stream)
                tasks.cancel_scope.cancel()
    except TooManyListeners:
        await socket.close(1013)


async def _pass_on(socket: WebSocket, stream: MemoryObjectReceiveStream[Live]) -> None:
    """Until the hub ends the stream: log-out, a disabled account, or a reader that is too slow."""
    try:
        async for message in stream:
            await socket.send_text(message.model_dump_json())
        await socket.close(1008)
    except (WebSocketDisconnect, RuntimeError):  # starlette raises either when the other side is gone
        return


async def _wait_for_end(socket: WebSocket, tasks: TaskGroup) -> None:
    """Nothing is expected from the page: whatever comes is dropped, and the end of it is the end."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    tasks.cancel_scope.cancel()
