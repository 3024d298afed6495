"""The MCP SDK's view of a request that came on our own port instead of one of its transports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext

_TRANSPORT = TransportContext(kind="convonet", can_send_request=False)


class SingleAnswer:
    """The SDK's `DispatchContext` of a request with a single response; a tool can send nothing else."""

    transport = _TRANSPORT
    can_send_request = False

    def __init__(self, request_id: int, origin: object) -> None:
        """`origin` becomes the request in the tools' context."""
        self.request_id = request_id
        self.message_metadata = ServerMessageMetadata(request_context=origin)
        self.cancel_requested = anyio.Event()

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Raise `NoBackChannelError`."""
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Drop the notification, as a plain HTTP response does."""

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Drop the progress report; no request asks for one."""
