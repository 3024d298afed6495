"""The host of the hand-overs, seen from the processes of sessions and lines.

There is one. When it dies, hangs or its machine vanishes, Serve starts another one, which knows all hand-overs: what
was asked is asked of that one, and who followed is told to begin anew. Every request may come twice: the host knows
hand-overs, calls and lines by their ids.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TypeVar, cast

from pydantic import TypeAdapter

from convonet.rpc.calls import call_any_replica, stream_from
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.replica import Replica, ReplicaUnavailable
from convonet.rpc.wire import Message, RpcError
from convonet.telephony.messages import HostAway, LineRequest, LineView, Spoken, TransferOrder, TransferView
from convonet.telephony.requests import LINE_EVENT, LINE_REQUEST, LINE_VIEW, ORDER, SPOKEN, VIEW, to_message
from convonet.telephony.transfer import LineEvent

CALL_TIMEOUT_S = 12.0
"""A call takes a millisecond. A host that died is replaced within four seconds, one whose machine has vanished within
eleven; Twilio waits for fifteen."""

MAX_SILENCE_S = 15.0
"""Of a host that is followed and may speak again; then whoever follows it decides what to do."""

View = TypeVar("View")


class HostReplicas:
    """`TransferHost` on the call center's deployment. Every method raises `HostAway` when it can't be reached."""

    def __init__(self, pool: ReplicaPool, *, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.pool = pool
        self._call_timeout_s = call_timeout_s

    async def begin(self, order: TransferOrder) -> None:
        """See `TransferHost.begin`."""
        await self._call("begin", {"order": to_message(ORDER, order)})

    async def ask_call_back(self, order: TransferOrder) -> None:
        """See `TransferHost.ask_call_back`."""
        await self._call("ask_call_back", {"order": to_message(ORDER, order)})

    async def leave(self, transfer_id: str, *, hung_up: bool) -> None:
        """See `TransferHost.leave`."""
        await self._call("leave", {"transfer_id": transfer_id, "hung_up": hung_up})

    async def line_event(self, transfer_id: str, event: LineEvent) -> None:
        """See `TransferHost.line_event`."""
        await self._call("line_event", {"transfer_id": transfer_id, "event": to_message(LINE_EVENT, event)})

    async def said(self, transfer_id: str, spoken: Spoken) -> None:
        """See `TransferHost.said`."""
        await self._call("said", {"transfer_id": transfer_id, "spoken": to_message(SPOKEN, spoken)})

    async def new_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        """See `TransferHost.new_key`."""
        answer = await self._call("new_key", {"transfer_id": transfer_id, "attempt": attempt, "after": after})
        return cast("str | None", answer["key"])

    def follow(self, transfer_id: str) -> AsyncGenerator[TransferView, None]:
        """See `TransferHost.follow`."""
        return self._stream("follow", {"transfer_id": transfer_id}, VIEW)

    def open_line(self, request: LineRequest) -> AsyncGenerator[LineView, None]:
        """See `TransferHost.open_line`."""
        return self._stream("open_line", {"request": to_message(LINE_REQUEST, request)}, LINE_VIEW)

    def start(self) -> None:
        """Open the connection that the first hand-over would wait for."""
        self.pool.start_discovery()

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    async def _call(self, method: str, params: Message) -> Message:
        try:
            async with asyncio.timeout(self._call_timeout_s):
                return await call_any_replica(self.pool, method, params)
        except TimeoutError:
            raise HostAway("no answer in time") from None
        except (RpcError, NoReplica) as error:
            raise HostAway(f"transfer host: {error}") from None

    async def _stream(self, method: str, params: Message, kind: TypeAdapter[View]) -> AsyncGenerator[View, None]:
        replica = await self._replica()

        def may_switch() -> bool:
            return self.pool.choose_ready((replica,)) is not None

        stream = stream_from(self.pool, replica, method, params, may_switch=may_switch, max_silence_s=MAX_SILENCE_S)
        try:
            async with contextlib.aclosing(stream) as messages:
                async for message in messages:
                    if message:
                        yield kind.validate_python(message)
        except (ReplicaUnavailable, RpcError) as error:
            self.pool.refresh_soon()
            raise HostAway(f"transfer host: {error}") from None

    async def _replica(self) -> Replica:
        """The one that there is now, or as soon as there is one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._call_timeout_s):
                while (replica := self.pool.choose_ready()) is None:
                    await self.pool.wait_for_arrival()
                return replica
        raise HostAway("there is no host")
