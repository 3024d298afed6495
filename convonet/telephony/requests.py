"""How the call center answers on its own port: what sessions, lines and webhooks ask of the host of the hand-overs.

A hand-over and a line are followed by a request whose events are the views; its empty result is the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Protocol, cast

from pydantic import Field, TypeAdapter

from convonet.core.errors import Fenced, StorageError
from convonet.rpc import wire
from convonet.rpc.server import Request
from convonet.rpc.wire import Message, RpcError
from convonet.telephony.messages import (
    HandOverRequest,
    HandOversUnavailable,
    HandOverView,
    MediaLegRequest,
    MediaLegView,
    Spoken,
)
from convonet.telephony.state_machine import CallEvent

METHOD_NOT_FOUND = -32601
NOT_NOW = -32000
NOT_STORED = -32002

STOP_TIMEOUT_S = 0.5
"""For the calls at work when a host stops; streams have no end of their own, and go on at the next host."""

MAX_STREAMS = 4_000
"""Of one voice replica: two for each hand-over."""

ORDER = TypeAdapter(HandOverRequest)
LINE_EVENT: TypeAdapter[CallEvent] = TypeAdapter(Annotated[CallEvent, Field(discriminator="kind")])
LINE_REQUEST = TypeAdapter(MediaLegRequest)
LINE_VIEW = TypeAdapter(MediaLegView)
SPOKEN = TypeAdapter(Spoken)
VIEW = TypeAdapter(HandOverView)


def to_message(kind: TypeAdapter[Any], value: object) -> Message:
    """A value as it is sent."""
    return cast("Message", kind.dump_python(value, mode="json"))


class Host(Protocol):
    """What is served; `actors.hand_overs.host.HandOverHost` is it.

    Each raises `Fenced` when another host has taken over, also where a view would be wrong and an end would be none,
    and `HandOversUnavailable` when it can't say anything now.
    """

    async def begin_hand_over(self, order: HandOverRequest) -> None: ...

    async def request_call_back(self, order: HandOverRequest) -> None: ...

    async def leave_hand_over(self, transfer_id: str, *, hung_up: bool) -> None: ...

    async def report_call_event(self, transfer_id: str, event: CallEvent) -> None: ...

    async def add_transcript_entry(self, transfer_id: str, spoken: Spoken) -> None: ...

    async def exchange_stream_key(self, transfer_id: str, attempt: int, after: str) -> str | None: ...

    def follow_hand_over(self, transfer_id: str) -> AsyncGenerator[HandOverView, None]: ...

    def open_media_leg(self, request: MediaLegRequest) -> AsyncGenerator[MediaLegView, None]: ...


class HostRequests:
    """Answers for the host of this process."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def answer(self, request: Request) -> Message:
        """The result of a request. Raises `RpcError`; with `LEAVING` when another host has taken over."""
        try:
            return await self._answer(request)
        except Fenced:
            raise RpcError(wire.LEAVING, "Another host has taken over.") from None
        except HandOversUnavailable as error:
            raise RpcError(NOT_NOW, str(error)) from None
        except StorageError as error:
            raise RpcError(NOT_STORED, str(error)) from None

    async def _answer(self, request: Request) -> Message:
        host, params = self._host, request.params
        match request.method:
            case "begin":
                await host.begin_hand_over(ORDER.validate_python(params["order"]))
            case "ask_call_back":
                await host.request_call_back(ORDER.validate_python(params["order"]))
            case "leave":
                await host.leave_hand_over(params["transfer_id"], hung_up=params["hung_up"])
            case "line_event":
                await host.report_call_event(params["transfer_id"], LINE_EVENT.validate_python(params["event"]))
            case "said":
                await host.add_transcript_entry(params["transfer_id"], SPOKEN.validate_python(params["spoken"]))
            case "new_key":
                return {
                    "key": await host.exchange_stream_key(params["transfer_id"], params["attempt"], params["after"])
                }
            case "follow":
                async with contextlib.aclosing(host.follow_hand_over(params["transfer_id"])) as views:
                    async for view in views:
                        request.emit(to_message(VIEW, view))
            case "open_line":
                line = LINE_REQUEST.validate_python(params["request"])
                async with contextlib.aclosing(host.open_media_leg(line)) as orders:
                    async for order in orders:
                        request.emit(to_message(LINE_VIEW, order))
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"There is no method {request.method}.")
        return {}
