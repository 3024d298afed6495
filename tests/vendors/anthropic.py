"""The wire format of Anthropic's POST /v1/messages with `stream`, from the types of its SDK."""

from __future__ import annotations

import json

from anthropic.types import (
    InputJSONDelta,
    Message,
    MessageDeltaUsage,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    RawMessageStreamEvent,
    StopReason,
    TextBlock,
    TextDelta,
    ToolUseBlock,
    Usage,
)
from anthropic.types.raw_message_delta_event import Delta

from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, Asked, Reply, Wire

KINDS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}


def _events(reply: Reply) -> list[bytes]:
    start = Message(
        id="msg_01",
        content=[],
        model=MODEL,
        role="assistant",
        stop_reason=None,
        stop_sequence=None,
        type="message",
        usage=Usage(input_tokens=TOKENS_IN, output_tokens=1),
    )
    events: list[RawMessageStreamEvent] = [RawMessageStartEvent(message=start, type="message_start")]
    if reply.text:
        deltas = [TextDelta(text=piece, type="text_delta") for piece in reply.pieces()]
        events += _block(0, TextBlock(text="", type="text"), deltas)
    for index, (name, arguments) in enumerate(reply.calls, start=1 if reply.text else 0):
        written = json.dumps(arguments)
        halves = ["", written[: len(written) // 2], "" if reply.half_call else written[len(written) // 2 :]]
        block = ToolUseBlock(id=f"toolu_{len(written)}_{index}", input={}, name=name, type="tool_use")
        events += _block(index, block, [InputJSONDelta(partial_json=part, type="input_json_delta") for part in halves])
    delta = Delta(stop_reason=_reason(reply))
    usage = MessageDeltaUsage(input_tokens=TOKENS_IN, output_tokens=TOKENS_OUT)
    events += [RawMessageDeltaEvent(delta=delta, type="message_delta", usage=usage)]
    events += [RawMessageStopEvent(type="message_stop")]
    # a ping may come at any time
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    sent = [f"event: {event.type}\ndata: {event.model_dump_json(exclude_none=True)}\n\n".encode() for event in events]
    return [sent[0], ping, *sent[1:]]


def _reason(reply: Reply) -> StopReason:
    if reply.refusal:
        return "refusal"
    if reply.too_long:
        return "max_tokens"
    return "tool_use" if reply.calls else "end_turn"


def _block(
    index: int, block: TextBlock | ToolUseBlock, deltas: list[TextDelta] | list[InputJSONDelta]
) -> list[RawMessageStreamEvent]:
    return [
        RawContentBlockStartEvent(content_block=block, index=index, type="content_block_start"),
        *(RawContentBlockDeltaEvent(delta=delta, index=index, type="content_block_delta") for delta in deltas),
        RawContentBlockStopEvent(index=index, type="content_block_stop"),
    ]


def _error(status: int, retry_delay: str = "") -> dict[str, object]:
    return {"type": "error", "error": {"type": KINDS.get(status, "api_error"), "message": "not now"}}


def _check(asked: Asked) -> int:
    if asked.path != "/v1/messages":
        return 404
    key = asked.headers.get("x-api-key") or asked.headers.get("authorization", "").startswith("Bearer ")
    if not key or "anthropic-version" not in asked.headers:
        return 401
    body = asked.body
    # a tool's result must follow its call, and the roles take turns
    good = body.get("max_tokens") and body["messages"][0]["role"] == "user" and body["messages"][-1]["role"] == "user"
    return 200 if good else 400


STREAM_ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'

WIRE = Wire(_events, _error, STREAM_ERROR, _check)
