"""The server side of `HandOvers` on the call center's own port; `HostReplicas` is the client side.

To follow a hand-over or a media leg takes one request: its events are the views, and its empty result is the end.
"""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, cast

from pydantic import Field, TypeAdapter

from convonet.core.errors import Fenced, StorageError
from convonet.rpc import wire
from convonet.rpc.server import Request
from convonet.rpc.wire import METHOD_NOT_FOUND, Message, RpcError
from convonet.telephony.events import CallEvent
from convonet.telephony.hand_overs import HandOvers, HandOversUnavailable
from convonet.telephony.messages import HandOverRequest, HandOverView, MediaLegRequest, MediaLegView, Spoken

NOT_NOW = -32000
NOT_STORED = -32002

STOP_TIMEOUT_S = 0.5
"""For the requests in progress when a host stops. Streams never end by themselves; they go on at the next host."""

MAX_STREAMS = 4_000
"""Streams of one voice replica; a hand-over has two."""

ORDER = TypeAdapter(HandOverRequest)
LINE_EVENT: TypeAdapter[CallEvent] = TypeAdapter(Annotated[CallEvent, Field(discriminator="kind")])
LINE_REQUEST = TypeAdapter(MediaLegRequest)
LINE_VIEW = TypeAdapter(MediaLegView)
SPOKEN = TypeAdapter(Spoken)
VIEW = TypeAdapter(HandOverView)


def to_message(kind: TypeAdapter[Any], value: object) -> Message:
    """Convert a value to its form on the wire."""
    return cast("Message", kind.dump_python(value, mode="json"))


class HostRequests:
    """Answers requests with the host of this process."""

    def __init__(self, host: HandOvers) -> None:
        self._host = host

    async def answer(self, request: Request) -> Message:
        """Answer a request. Raises `RpcError`, with `STOPPING` when another host has taken over."""
        try:
            return await self._answer(request)
        except Fenced:
            raise RpcError(wire.STOPPING, "Another host has taken over.") from None
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
                media_leg = LINE_REQUEST.validate_python(params["request"])
                async with contextlib.aclosing(host.open_media_leg(media_leg)) as leg_views:
                    async for leg_view in leg_views:
                        request.emit(to_message(LINE_VIEW, leg_view))
            case _:
                raise RpcError(METHOD_NOT_FOUND, f"There is no method {request.method}.")
        return {}
