"""The client side of `HandOvers`, used by the processes of sessions and media legs.

There is one host. When it dies, hangs or its machine vanishes, Serve starts another one, which knows all hand-overs.
Requests in progress are then repeated there, and followers have to follow again. Repeating a request is safe, since the
host knows hand-overs, calls and media legs by their ids.
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
from convonet.telephony.events import CallEvent
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import HandOverRequest, HandOverView, MediaLegRequest, MediaLegView, Spoken
from convonet.telephony.requests import LINE_EVENT, LINE_REQUEST, LINE_VIEW, ORDER, SPOKEN, VIEW, to_message

CALL_TIMEOUT_S = 12.0
"""A request takes a millisecond. A dead host is replaced within four seconds, and within eleven when its machine has
vanished. Twilio waits for fifteen."""

MAX_SILENCE_S = 15.0
"""Longest silence of a followed host that may come back; after that the follower decides what to do."""

View = TypeVar("View")


class HostReplicas:
    """Implements `HandOvers` by requests to the replica of the call center."""

    def __init__(self, pool: ReplicaPool, *, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        self.pool = pool
        self._call_timeout_s = call_timeout_s

    async def begin_hand_over(self, request: HandOverRequest) -> None:
        await self._call("begin", {"order": to_message(ORDER, request)})

    async def request_call_back(self, request: HandOverRequest) -> None:
        await self._call("ask_call_back", {"order": to_message(ORDER, request)})

    async def leave_hand_over(self, transfer_id: str, *, hung_up: bool) -> None:
        await self._call("leave", {"transfer_id": transfer_id, "hung_up": hung_up})

    async def report_call_event(self, transfer_id: str, event: CallEvent) -> None:
        await self._call("line_event", {"transfer_id": transfer_id, "event": to_message(LINE_EVENT, event)})

    async def add_transcript_entry(self, transfer_id: str, spoken: Spoken) -> None:
        await self._call("said", {"transfer_id": transfer_id, "spoken": to_message(SPOKEN, spoken)})

    async def exchange_stream_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        answer = await self._call("new_key", {"transfer_id": transfer_id, "attempt": attempt, "after": after})
        return cast("str | None", answer["key"])

    def follow_hand_over(self, transfer_id: str) -> AsyncGenerator[HandOverView, None]:
        return self._stream("follow", {"transfer_id": transfer_id}, VIEW)

    def open_media_leg(self, request: MediaLegRequest) -> AsyncGenerator[MediaLegView, None]:
        return self._stream("open_line", {"request": to_message(LINE_REQUEST, request)}, LINE_VIEW)

    def start(self) -> None:
        """Connect before the first hand-over needs it."""
        self.pool.start_discovery()

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()

    async def _call(self, method: str, params: Message) -> Message:
        try:
            async with asyncio.timeout(self._call_timeout_s):
                return await call_any_replica(self.pool, method, params)
        except TimeoutError:
            raise HandOversUnavailable("no answer in time") from None
        except (RpcError, NoReplica) as error:
            raise HandOversUnavailable(f"transfer host: {error}") from None

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
            raise HandOversUnavailable(f"transfer host: {error}") from None

    async def _replica(self) -> Replica:
        """Return the current host, or the next one as soon as it is found."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._call_timeout_s):
                while (replica := self.pool.choose_ready()) is None:
                    await self.pool.wait_for_arrival()
                return replica
        raise HandOversUnavailable("there is no host")
