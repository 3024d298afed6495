"""The wire format of OpenAI's POST /chat/completions with `stream`, from the types of its SDK."""

from __future__ import annotations

import json
from typing import Any, Literal

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import (
    Choice,
    ChoiceDelta,
    ChoiceDeltaToolCall,
    ChoiceDeltaToolCallFunction,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, Asked, Reply, Wire, is_valid

REQUEST = TypeAdapter(CompletionCreateParamsStreaming)


def _events(reply: Reply) -> list[bytes]:
    deltas = [ChoiceDelta(role="assistant", content="")]
    # vLLM's name for thoughts, and its older one
    deltas += [ChoiceDelta(**{name: reply.thoughts}) for name in ("reasoning", "reasoning_content") if reply.thoughts]
    deltas += [ChoiceDelta(content=piece) for piece in reply.pieces()]
    if reply.refusal:
        deltas += [ChoiceDelta(refusal="I can't"), ChoiceDelta(refusal=" help with that.")]
    for index, (name, arguments) in enumerate(reply.calls):
        written = json.dumps(arguments)
        deltas += [_call(index, name, f"call_{len(written)}_{index}", "")]
        parts = (written[:4], "" if reply.half_call else written[4:])
        deltas += [_call(index, None, None, part) for part in parts if part]
    chunks = [_chunk([Choice(delta=delta, index=0)]) for delta in deltas]
    chunks += [_chunk([Choice(delta=ChoiceDelta(), finish_reason=_reason(reply), index=0)])]
    total = TOKENS_IN + TOKENS_OUT
    usage = CompletionUsage(prompt_tokens=TOKENS_IN, completion_tokens=TOKENS_OUT, total_tokens=total)
    chunks += [_chunk([], usage)]
    return [
        # as servers in Python write it, which also write half a UTF-16 pair
        *(f"data: {json.dumps(chunk.model_dump(exclude_unset=True))}\n\n".encode() for chunk in chunks),
        b"data: [DONE]\n\n",
    ]


def _reason(reply: Reply) -> Literal["content_filter", "length", "tool_calls", "stop"] | None:
    if not reply.says_why:
        return None
    if reply.blocked:
        return "content_filter"
    if reply.too_long:
        return "length"
    return "tool_calls" if reply.calls else "stop"


def _call(index: int, name: str | None, call_id: str | None, arguments: str) -> ChoiceDelta:
    function = ChoiceDeltaToolCallFunction(name=name, arguments=arguments)
    kind = {"type": "function", "id": call_id} if call_id else {}
    return ChoiceDelta(tool_calls=[ChoiceDeltaToolCall(index=index, function=function, **kind)])


def _chunk(choices: list[Choice], usage: CompletionUsage | None = None) -> ChatCompletionChunk:
    return ChatCompletionChunk(
        id="chatcmpl-01",
        choices=choices,
        created=1_790_000_000,
        model=MODEL,
        object="chat.completion.chunk",
        usage=usage,
    )


def _error(status: int, retry_delay: str = "") -> dict[str, object]:
    return {"error": {"message": "not now", "type": "invalid_request_error", "param": None, "code": None}}


def _check(asked: Asked) -> int:
    if asked.path != "/v1/chat/completions":
        return 404
    if not asked.headers.get("authorization", "").startswith("Bearer "):
        return 401
    return 200 if is_valid(REQUEST, asked.body) and _are_answered(asked.body["messages"]) else 400


def _are_answered(messages: list[dict[str, Any]]) -> bool:
    """Whether the results of tool calls follow these, each by its id."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return False
        waiting |= {call["id"] for call in message.get("tool_calls", ())}
    return not waiting


STREAM_ERROR = b'data: {"error": {"message": "not now", "type": "server_error", "param": null, "code": null}}\n\n'

WIRE = Wire(_events, _error, STREAM_ERROR, _check)
