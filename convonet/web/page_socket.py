"""The WebSocket of a page of ours, for staff: what goes on over it, until the page is gone or one side ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

import structlog
from fastapi import WebSocket
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect, WebSocketState

from convonet.core.errors import AuthRefused
from convonet.web.login_limits import lift_login_limits

log = structlog.get_logger(__name__)

TRY_LATER = 1013
GOING_AWAY = 1001
NOT_LOGGED_IN = 4401

MISUNDERSTOOD = "The page and the server misunderstood each other. Reload it."


class PageSocket:
    """One accepted socket of `username`."""

    def __init__(self, websocket: WebSocket, username: str) -> None:
        lift_login_limits(websocket)
        self._websocket = websocket
        self._username = username

    async def run(self, *works: Coroutine[None, None, None]) -> None:
        """Do all of these at the same time; the first that ends, ends the socket. `AuthRefused` is told as a code."""
        tasks = [asyncio.create_task(work) for work in works]
        code = GOING_AWAY
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, AuthRefused):
                    code = NOT_LOGGED_IN
                elif isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | RuntimeError):
                    log.error("page_socket_crashed", staff=self._username, exc_info=outcome)
            await self.close(code)

    async def close(self, code: int) -> None:
        """End it."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self._websocket.close(code)

    async def send(self, message: BaseModel) -> None:
        """Tell the page."""
        await self._websocket.send_text(message.model_dump_json())

    async def receive(self, most_bytes: int) -> str | None:
        """What the page sends next; None when it is longer than anything that a page sends."""
        text = await self._websocket.receive_text()
        return text if len(text) <= most_bytes else None
