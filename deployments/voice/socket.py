"""`ClientSocket` on a Starlette WebSocket; the gateway makes one for each caller."""

from __future__ import annotations

import contextlib

from ray.exceptions import RayError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from convonet.gateway.ports import ClientDisconnected
from convonet.protocol.server import ServerMessage
from convonet.web.login_limits import lift_login_limits

_DISCONNECTED = (RuntimeError, WebSocketDisconnect, OSError, RayError)
"""Exceptions of Starlette, uvicorn and Ray's proxy for a client that has disconnected."""


class StarletteSocket:
    """See `ClientSocket`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        """Return the next frame. Raises `ClientDisconnected`."""
        try:
            message = await self._websocket.receive()
        except _DISCONNECTED as error:
            raise ClientDisconnected from error
        if message["type"] == "websocket.disconnect":
            raise ClientDisconnected
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def send(self, text: str) -> None:
        """Send a text frame."""
        try:
            await self._websocket.send_text(text)
        except _DISCONNECTED as error:
            raise ClientDisconnected from error

    async def send_audio(self, frame: bytes) -> None:
        """Send a binary frame."""
        try:
            await self._websocket.send_bytes(frame)
        except _DISCONNECTED as error:
            raise ClientDisconnected from error

    def allow_large_messages(self) -> None:
        """Lift the limits that hold before login."""
        lift_login_limits(self._websocket)

    async def close(self, code: int) -> None:
        """Close the socket, unless it is closed."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(*_DISCONNECTED):
                await self._websocket.close(code)

    async def refuse(self, message: ServerMessage, code: int) -> None:
        """Send the reason, then close."""
        with contextlib.suppress(ClientDisconnected):
            await self.send(message.model_dump_json(exclude_none=True))
        await self.close(code)
