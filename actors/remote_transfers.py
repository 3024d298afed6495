"""The host of the hand-overs, seen from the processes of sessions and lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from actors.failures import remote_errors
from convonet.telephony.messages import (
    HostAway,
    LineRequest,
    LineView,
    Spoken,
    TransferOrder,
    TransferView,
)
from convonet.telephony.transfer import LineEvent

CALL_TIMEOUT_S = 8.0
"""A call takes two milliseconds; a host that died is replaced within four seconds, and the call waits for that."""


class RemoteTransfers:
    """`TransferHost` on the call centre's deployment. Every method raises `HostAway` when it can't be reached."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def begin(self, order: TransferOrder) -> None:
        """See `TransferHost.begin`."""
        await self._call("begin", order)

    async def ask_call_back(self, order: TransferOrder) -> None:
        """See `TransferHost.ask_call_back`."""
        await self._call("ask_call_back", order)

    async def leave(self, transfer_id: str, *, hung_up: bool) -> None:
        """See `TransferHost.leave`."""
        await self._call("leave", transfer_id, hung_up=hung_up)

    async def line_event(self, transfer_id: str, event: LineEvent) -> None:
        """See `TransferHost.line_event`."""
        await self._call("line_event", transfer_id, event)

    async def said(self, transfer_id: str, spoken: Spoken) -> None:
        """See `TransferHost.said`."""
        await self._call("said", transfer_id, spoken)

    async def new_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        """See `TransferHost.new_key`."""
        return cast("str | None", await self._call("new_key", transfer_id, attempt, after))

    def follow(self, transfer_id: str) -> AsyncGenerator[TransferView, None]:
        """See `TransferHost.follow`."""
        return self._stream("follow", transfer_id)

    def open_line(self, request: LineRequest) -> AsyncGenerator[LineView, None]:
        """See `TransferHost.open_line`."""
        return self._stream("open_line", request)

    async def _call(self, method: str, *args: object, **named: object) -> object:
        with remote_errors(HostAway, "transfer host"):
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return await getattr(self._handle, method).remote(*args, **named)
            except TimeoutError:
                raise HostAway("no answer in time") from None

    async def _stream(self, method: str, *args: object) -> AsyncGenerator[Any, None]:
        with remote_errors(HostAway, "transfer host"):
            remote = self._handle.options(method_name=method, stream=True)
            stream = cast("DeploymentResponseGenerator[Any]", remote.remote(*args))
            try:
                async for view in stream:
                    yield view
            finally:
                stream.cancel()  # type: ignore[no-untyped-call]
