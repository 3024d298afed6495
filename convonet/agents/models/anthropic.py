"""Anthropic's messages."""

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
    ChosenModel,
    Message,
    ModelRequest,
    OwnMessage,
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
from convonet.agents.models.failures import ModelFailed, of_event
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import arguments_of, read
from convonet.settings.models import ModelSettings

if TYPE_CHECKING:
    # what the SDK sends: for mypy only, to import it takes 1 s and 66 MB
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


def anthropic_model(settings: ModelSettings) -> ChosenModel:
    """Anthropic's model, as the settings name it."""
    key = settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else ""
    chat = AnthropicModel(str(settings.anthropic_base_url or URL), key, settings.anthropic_model)
    return ChosenModel(PROVIDER, settings.anthropic_model, chat, says_why_it_stops=True)


class AnthropicModel:
    """See `ChatModel`."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        headers = {"X-Api-Key": key, "Anthropic-Version": VERSION}
        self._endpoint = Endpoint(f"{base_url.rstrip('/')}/v1/messages", headers)
        self._model = model
        self._tools = PreparedTools(_tool)

    def answer(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `ChatModel.answer`."""
        return self._endpoint.answer(self._body(request), _Reader())

    async def close(self) -> None:
        """See `ChatModel.close`."""
        await self._endpoint.close()

    def _body(self, request: ModelRequest) -> bytes:
        params: MessageCreateParamsStreaming = {
            "model": self._model,
            "max_tokens": MAX_ANSWER_TOKENS,
            "system": _system(request.system),
            "messages": list(_messages(request.messages)),
            "stream": True,
        }
        tools = {"tools": self._tools.of(request.tools)} if request.tools.tools else {}
        return orjson.dumps({**params, **tools})


def _system(system: SystemPrompt) -> list[TextBlockParam]:
    """What is the same in every turn of a domain is marked for the prompt cache; the tools come before it."""
    facts: TextBlockParam = {"type": "text", "text": system.facts}
    if not system.instructions:
        return [facts]
    return [{"type": "text", "text": system.instructions, "cache_control": {"type": "ephemeral"}}, facts]


def _tool(tool: Tool) -> ToolParam:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _messages(messages: Sequence[Message]) -> Iterator[MessageParam]:
    """The roles take turns: what one says after another is one message, and who says nothing has none."""
    said = [(isinstance(message, AssistantMessage), blocks) for message in messages if (blocks := _blocks(message))]
    for is_answer, following in groupby(said, itemgetter(0)):
        content = [block for _, blocks in following for block in blocks]
        if is_answer:
            yield {"role": "assistant", "content": content}
        else:
            yield {"role": "user", "content": content}


def _blocks(message: Message) -> list[ContentBlockParam]:
    match message:
        case AssistantMessage() if message.own and message.provider == PROVIDER:
            return cast("list[ContentBlockParam]", list(message.own))
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
    # an empty block is refused
    return [{"type": "text", "text": text}] if text.strip() else []


class _Reader:
    """Reads the events of a message, whose content comes in numbered blocks."""

    def __init__(self) -> None:
        self.is_over = False
        self._blocks: dict[int, dict[str, Any]] = {}

    def read(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read`."""
        event = read(data)
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
                raise ModelFailed(of_event(event["error"]))
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
            parts.append(OwnMessage(tuple(_as_sent(block) for block in self._blocks.values() if not _is_empty(block))))
        if reason := event["delta"].get("stop_reason"):
            parts.append(Stop(_STOPS.get(reason, "end"), reason))
        return parts


def _as_sent(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """A block as it goes back: a call's input was collected as text."""
    return {**block, "input": arguments_of(block["input"]) or {}} if block["type"] == "tool_use" else block


def _is_empty(block: Mapping[str, Any]) -> bool:
    return block["type"] == "text" and not block["text"].strip()


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens that were read from a cache or written to one are counted beside the others."""
    read = [usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
    return Usage(sum(count or 0 for count in read) if read[0] is not None else None, usage.get("output_tokens"))
