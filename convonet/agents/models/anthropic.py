"""Client for Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import orjson

from convonet.agents.models.base import (
    MAX_ANSWER_TOKENS,
    AssistantMessage,
    CallPart,
    Message,
    ModelConfig,
    ModelRequest,
    NativeMessage,
    Part,
    Stop,
    StopKind,
    SystemPrompt,
    TextPart,
    Tool,
    ToolMessage,
    Usage,
    UserMessage,
)
from convonet.agents.models.endpoint import Endpoint
from convonet.agents.models.failures import ModelFailed, failure_of_event
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import arguments_of, read_event
from convonet.settings.models import ModelSettings

if TYPE_CHECKING:
    # the SDK's types, for mypy only: importing it takes 1 s and 66 MB
    from anthropic.types import (
        ContentBlockParam,
        MessageParam,
        TextBlockParam,
        ToolParam,
        ToolResultBlockParam,
        ToolUseBlockParam,
    )
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

PROVIDER = "anthropic"
URL = "https://api.anthropic.com"
VERSION = "2023-06-01"

_STOPS: Mapping[str, StopKind] = {
    "max_tokens": "no room",
    "model_context_window_exceeded": "no room",
    "refusal": "refused",
}
_THOUGHTS = ("thinking", "redacted_thinking")


def anthropic_model(settings: ModelSettings) -> ModelConfig:
    """Return Anthropic's model from the settings."""
    key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else ""
    client = AnthropicClient(str(settings.anthropic_base_url or URL), key, settings.anthropic_model)
    return ModelConfig(PROVIDER, settings.anthropic_model, client, gives_stop_reason=True)


class AnthropicClient:
    """Implements `VendorClient`."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        headers = {"X-Api-Key": key, "Anthropic-Version": VERSION}
        self._endpoint = Endpoint(f"{base_url.rstrip('/')}/v1/messages", headers)
        self._model = model
        self._tools = PreparedTools(_tool)

    def stream(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `VendorClient.stream`."""
        return self._endpoint.stream(self._body(request), _Reader())

    async def close(self) -> None:
        """See `VendorClient.close`."""
        await self._endpoint.close()

    def _body(self, request: ModelRequest) -> bytes:
        params: MessageCreateParamsStreaming = {
            "model": self._model,
            "max_tokens": MAX_ANSWER_TOKENS,
            "system": _system(request.system),
            "messages": list(_messages(request.messages)),
            "stream": True,
        }
        tools = {"tools": self._tools.json_of(request.tools)} if request.tools.tools else {}
        return orjson.dumps({**params, **tools})


def _system(system: SystemPrompt) -> list[TextBlockParam]:
    """Mark the instructions, and with them the tools before them, for the prompt cache: a domain's turns share them."""
    facts: TextBlockParam = {"type": "text", "text": system.facts}
    if not system.instructions:
        return [facts]
    return [{"type": "text", "text": system.instructions, "cache_control": {"type": "ephemeral"}}, facts]


def _tool(tool: Tool) -> ToolParam:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _messages(messages: Sequence[Message]) -> Iterator[MessageParam]:
    """Merge consecutive messages of one role, as the API requires, and skip empty ones."""
    written = [(isinstance(message, AssistantMessage), blocks) for message in messages if (blocks := _blocks(message))]
    for is_answer, following in groupby(written, itemgetter(0)):
        content = [block for _, blocks in following for block in blocks]
        if is_answer:
            yield {"role": "assistant", "content": content}
        else:
            yield {"role": "user", "content": content}


def _blocks(message: Message) -> list[ContentBlockParam]:
    match message:
        case AssistantMessage() if message.native and message.provider == PROVIDER:
            return cast("list[ContentBlockParam]", list(message.native))
        case AssistantMessage(text, calls):
            uses: list[ToolUseBlockParam] = [
                {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in calls
            ]
            return [*_text(text), *uses]
        case ToolMessage():
            content = orjson.dumps(message.content).decode()
            result: ToolResultBlockParam = {
                "type": "tool_result",
                "tool_use_id": message.call_id,
                "content": content,
                "is_error": not message.ok,
            }
            return [result]
        case UserMessage(text):
            return [*_text(text)]


def _text(text: str) -> list[TextBlockParam]:
    # the API refuses an empty block
    return [{"type": "text", "text": text}] if text.strip() else []


class _Reader:
    """Reads the events of a message; its content comes in numbered blocks."""

    def __init__(self) -> None:
        self.is_over = False
        self._blocks: dict[int, dict[str, Any]] = {}

    def read_parts(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read_parts`."""
        event = read_event(data)
        match event["type"]:
            case "content_block_delta":
                return self._delta(event["index"], event["delta"])
            case "content_block_start":
                return self._block(event["index"], event["content_block"])
            case "message_start":
                return [_usage(event["message"].get("usage") or {})]
            case "message_delta":
                return self._end(event)
            case "message_stop":
                self.is_over = True
            case "error":
                raise ModelFailed(failure_of_event(event["error"]))
        return []

    def _block(self, index: int, block: dict[str, Any]) -> list[Part]:
        self._blocks[index] = block
        if block["type"] == "tool_use":
            block["input"] = ""
            return [CallPart(index, block["id"], block["name"])]
        return [TextPart(block["text"])] if block.get("text") else []

    def _delta(self, index: int, delta: Mapping[str, Any]) -> list[Part]:
        block = self._blocks[index]
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
                return [TextPart(delta["text"])]
            case "input_json_delta":
                block["input"] += delta["partial_json"]
                return [CallPart(index, arguments=delta["partial_json"])]
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "signature_delta":
                block["signature"] = delta["signature"]
        return []

    def _end(self, event: Mapping[str, Any]) -> list[Part]:
        parts: list[Part] = [_usage(event.get("usage") or {})]
        if any(block["type"] in _THOUGHTS for block in self._blocks.values()):
            blocks = (
                _as_sent(block) for block in self._blocks.values() if block["type"] != "text" or block["text"].strip()
            )
            parts.append(NativeMessage(tuple(blocks)))
        if reason := event["delta"].get("stop_reason"):
            parts.append(Stop(_STOPS.get(reason, "end"), reason))
        return parts


def _as_sent(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block for the next request: a call's input was collected as text."""
    return {**block, "input": arguments_of(block["input"]) or {}} if block["type"] == "tool_use" else block


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Add up the input tokens, which the API counts separately when they are read from or written to its cache."""
    counts = [usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
    return Usage(sum(count or 0 for count in counts) if counts[0] is not None else None, usage.get("output_tokens"))
