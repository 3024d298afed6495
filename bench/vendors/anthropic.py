"""Anthropic's wire format: POST /v1/messages, streamed or not."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from bench.harness.script import REPLY, REPLY_TOKENS
from bench.vendors import chat
from bench.vendors.sse import event_stream
from bench.vendors.stage import Stage

CALL_ID = "toolu_loopback"
USAGE = {"input_tokens": chat.PROMPT_TOKENS, "output_tokens": len(REPLY_TOKENS)}


async def create_message(stage: Stage, request: web.Request) -> web.StreamResponse:
    """POST /v1/messages."""
    body = await request.json()
    received = time.monotonic()
    streams = bool(body.get("stream"))
    stage.activity.counts["anthropic_stream" if streams else "anthropic"] += 1
    tool = _prompt(body).tool_to_call(stage)
    if not streams:
        return await _whole_answer(stage, body, received, tool)
    response = await event_stream(request)
    begun = _message(body) | {"usage": {"input_tokens": chat.PROMPT_TOKENS, "output_tokens": 1}}
    await response.write(_event("message_start", message=begun))
    if tool is None:
        await _stream_answer(stage, response, received)
    else:
        await _stream_call(stage, response, received, tool)
    return response


def _prompt(body: dict[str, Any]) -> chat.Prompt:
    content = body["messages"][-1]["content"]
    blocks = content if isinstance(content, list) else []
    is_after_tool = any(block.get("type") == "tool_result" for block in blocks)
    return chat.Prompt(tuple(tool["name"] for tool in body.get("tools") or ()), is_after_tool)


async def _whole_answer(stage: Stage, body: dict[str, Any], received: float, tool: str | None) -> web.Response:
    if tool is None:
        async for _ in chat.reply_tokens(stage, received):
            pass
        block: dict[str, Any] = {"type": "text", "text": REPLY}
    else:
        async for _ in chat.call_tokens(stage, received):
            pass
        block = {"type": "tool_use", "id": CALL_ID, "name": tool, "input": {}}
    reason = "tool_use" if tool else "end_turn"
    return web.json_response(_message(body) | {"content": [block], "stop_reason": reason, "usage": USAGE})


async def _stream_answer(stage: Stage, response: web.StreamResponse, received: float) -> None:
    head = _event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + _event("ping")
    async for token in chat.reply_tokens(stage, received):
        delta = {"type": "text_delta", "text": token}
        await response.write(head + _event("content_block_delta", index=0, delta=delta))
        head = b""
    await response.write(_end("end_turn"))


async def _stream_call(stage: Stage, response: web.StreamResponse, received: float, tool: str) -> None:
    block = {"type": "tool_use", "id": CALL_ID, "name": tool, "input": {}}
    arguments = {"type": "input_json_delta", "partial_json": "{}"}
    parts = (
        _event("content_block_start", index=0, content_block=block) + _event("ping"),
        _event("content_block_delta", index=0, delta=arguments),
    )
    async for index in chat.call_tokens(stage, received):
        await response.write(parts[index])
    await response.write(_end("tool_use"))


def _end(reason: str) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return (
        _event("content_block_stop", index=0)
        + _event("message_delta", delta=delta, usage={"output_tokens": len(REPLY_TOKENS)})
        + _event("message_stop")
    )


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "loopback"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
