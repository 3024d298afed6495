"""The wire format of Anthropic's POST /v1/messages with `stream`, from the types of its SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from anthropic.types import (
    InputJSONDelta,
    Message,
    MessageDeltaUsage,
    RawContentBlockDelta,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    RawMessageStreamEvent,
    SignatureDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
    Usage,
)
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from anthropic.types.raw_message_delta_event import Delta
from pydantic import TypeAdapter

from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, Asked, Reply, Wire, is_valid

REQUEST = TypeAdapter(MessageCreateParamsStreaming)
SIGNATURE = "c2lnbmVkIGJ5IENsYXVkZQ=="
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
    first = 0
    if reply.signed:
        thoughts = ThinkingBlock(thinking="", signature="", type="thinking")
        deltas = [ThinkingDelta(thinking=piece, type="thinking_delta") for piece in ("Milk, ", "of course.")]
        events += _block(0, thoughts, [*deltas, SignatureDelta(signature=SIGNATURE, type="signature_delta")])
        first += 1
    if reply.text:
        deltas = [TextDelta(text=piece, type="text_delta") for piece in reply.pieces()]
        events += _block(first, TextBlock(text="", type="text"), deltas)
        first += 1
    for index, (name, arguments) in enumerate(reply.calls, start=first):
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
    index: int, block: TextBlock | ThinkingBlock | ToolUseBlock, deltas: Sequence[RawContentBlockDelta]
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
    messages = asked.body["messages"]
    roles = ["user" if number % 2 == 0 else "assistant" for number in range(len(messages))]
    good = is_valid(REQUEST, asked.body) and [message["role"] for message in messages] == roles and roles[-1] == "user"
    return 200 if good and all(_answers(*pair) for pair in pairwise(messages)) and _says_something(messages) else 400


def _answers(message: dict[str, Any], following: dict[str, Any]) -> bool:
    """Whether the results of a message's tool calls follow it, and no others."""
    calls = {block["id"] for block in _blocks(message) if block["type"] == "tool_use"}
    results = {block["tool_use_id"] for block in _blocks(following) if block["type"] == "tool_result"}
    return calls == results


def _says_something(messages: list[dict[str, Any]]) -> bool:
    blocks = [block for message in messages for block in _blocks(message)]
    return all(block["text"].strip() for block in blocks if block["type"] == "text")


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


STREAM_ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'

WIRE = Wire(_events, _error, STREAM_ERROR, _check)
