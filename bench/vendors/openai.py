"""OpenAI's wire format: POST /v1/chat/completions, streamed or not."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from bench.harness.script import REPLY, REPLY_TOKENS
from bench.vendors import chat
from bench.vendors.sse import event_stream
from bench.vendors.stage import Stage

USAGE = {
    "prompt_tokens": chat.PROMPT_TOKENS,
    "completion_tokens": len(REPLY_TOKENS),
    "total_tokens": chat.PROMPT_TOKENS + len(REPLY_TOKENS),
}
CALL_ID = "call_loopback"


async def complete(stage: Stage, request: web.Request) -> web.StreamResponse:
    """POST /v1/chat/completions."""
    body = await request.json()
    received = time.monotonic()
    streams = bool(body.get("stream"))
    stage.activity.counts["openai_stream" if streams else "openai"] += 1
    tool = _prompt(body).tool_to_call(stage)
    if not streams:
        return await _whole_answer(stage, body, received, tool)
    stream = _Stream(body, await event_stream(request))
    if tool is None:
        await stream.answer(stage, received)
    else:
        await stream.call(stage, received, tool)
    return stream.response


def _prompt(body: dict[str, Any]) -> chat.Prompt:
    tools = tuple(tool["function"]["name"] for tool in body.get("tools") or ())
    return chat.Prompt(tools, is_after_tool=body["messages"][-1]["role"] == "tool")


async def _whole_answer(stage: Stage, body: dict[str, Any], received: float, tool: str | None) -> web.Response:
    message: dict[str, Any] = {"role": "assistant", "content": None if tool else REPLY}
    if tool is None:
        async for _ in chat.reply_tokens(stage, received):
            pass
    else:
        async for _ in chat.call_tokens(stage, received):
            pass
        call = {"id": CALL_ID, "type": "function", "function": {"name": tool, "arguments": "{}"}}
        message["tool_calls"] = [call]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
    return web.json_response(_head(body, "chat.completion") | {"usage": USAGE, "choices": [choice]})


class _Stream:
    """One streamed answer."""

    def __init__(self, body: dict[str, Any], response: web.StreamResponse) -> None:
        self.response = response
        self._head = _head(body, "chat.completion.chunk")
        self._tells_usage = bool((body.get("stream_options") or {}).get("include_usage"))

    async def answer(self, stage: Stage, received: float) -> None:
        """The tokens of the answer."""
        first = self._chunk({"role": "assistant", "content": ""})
        async for token in chat.reply_tokens(stage, received):
            await self.response.write(first + self._chunk({"content": token}))
            first = b""
        await self._end("stop")

    async def call(self, stage: Stage, received: float, tool: str) -> None:
        """A call of that tool."""
        begin = {"id": CALL_ID, "type": "function", "function": {"name": tool, "arguments": ""}}
        parts: tuple[dict[str, Any], ...] = (
            {"role": "assistant", "content": None, "tool_calls": [{"index": 0} | begin]},
            {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        )
        async for index in chat.call_tokens(stage, received):
            await self.response.write(self._chunk(parts[index]))
        await self._end("tool_calls")

    async def _end(self, reason: str) -> None:
        tail = self._chunk({}, reason)
        if self._tells_usage:
            tail += b"data: " + json.dumps(self._head | {"choices": [], "usage": USAGE}).encode() + b"\n\n"
        await self.response.write(tail + b"data: [DONE]\n\n")

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
        return b"data: " + json.dumps(self._head | {"choices": choices}).encode() + b"\n\n"


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    created = int(time.time())
    return {"id": "chatcmpl-loopback", "created": created, "model": body.get("model", "loopback"), "object": kind}
