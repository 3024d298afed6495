"""OpenAI's chat completions, and any server that speaks the same protocol, such as vLLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import orjson

from convonet.agents.models.base import (
    MAX_ANSWER_TOKENS,
    AssistantMessage,
    CallPart,
    ChosenModel,
    Message,
    ModelRequest,
    Part,
    Stop,
    StopKind,
    TextPart,
    Tool,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from convonet.agents.models.endpoint import Endpoint
from convonet.agents.models.failures import ModelFailed, of_event
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import read
from convonet.settings import Settings

if TYPE_CHECKING:
    # what the SDK sends: for mypy only, to import it takes 0.5 s and 40 MB
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from openai.types.chat.chat_completion_message_function_tool_call_param import (
        ChatCompletionMessageFunctionToolCallParam,
    )
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

URL = "https://api.openai.com/v1"

_DONE = b"[DONE]"

_STOPS: Mapping[str, StopKind] = {"length": "no room", "content_filter": "refused"}


def openai_model(settings: Settings) -> ChosenModel:
    """OpenAI's model, as the settings name it."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    chat = OpenAiModel(str(settings.openai_base_url or URL), key, settings.openai_model, room="max_completion_tokens")
    return ChosenModel("openai", settings.openai_model, chat, says_why_it_stops=True)


def compatible_model(settings: Settings) -> ChosenModel:
    """The model of a server that speaks OpenAI's protocol."""
    # servers on one's own machine want no key, some of them want a header
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else "none"
    chat = OpenAiModel(str(settings.llm_base_url), key, settings.llm_model or "", room="max_tokens")
    return ChosenModel("compatible", settings.llm_model or "", chat)


class OpenAiModel:
    """See `ChatModel`."""

    def __init__(
        self, base_url: str, key: str, model: str, *, room: Literal["max_tokens", "max_completion_tokens"]
    ) -> None:
        """`room` is what the server calls the longest answer: OpenAI's new name is not known everywhere."""
        self._endpoint = Endpoint(f"{base_url.rstrip('/')}/chat/completions", {"Authorization": f"Bearer {key}"})
        self._model = model
        self._room = room
        self._tools = PreparedTools(_tool)

    def answer(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `ChatModel.answer`."""
        return self._endpoint.answer(self._body(request), _Reader())

    async def close(self) -> None:
        """See `ChatModel.close`."""
        await self._endpoint.close()

    def _body(self, request: ModelRequest) -> bytes:
        system: ChatCompletionMessageParam = {"role": "system", "content": request.system.text}
        params: CompletionCreateParamsStreaming = {
            "model": self._model,
            "messages": [system, *map(_message, request.messages)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        params[self._room] = MAX_ANSWER_TOKENS
        tools = {"tools": self._tools.of(request.tools)} if request.tools.tools else {}
        return orjson.dumps({**params, **tools})


def _tool(tool: Tool) -> ChatCompletionToolParam:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def _message(message: Message) -> ChatCompletionMessageParam:
    match message:
        case UserMessage(text):
            return {"role": "user", "content": text}
        case AssistantMessage(text, ()):
            return {"role": "assistant", "content": text}
        case AssistantMessage(text, calls):
            return {"role": "assistant", "content": text or None, "tool_calls": [_call(call) for call in calls]}
        case ToolMessage():
            content = orjson.dumps(message.content).decode()
            return {"role": "tool", "tool_call_id": message.call_id, "content": content}


def _call(call: ToolCall) -> ChatCompletionMessageFunctionToolCallParam:
    arguments = orjson.dumps(call.arguments).decode()
    return {"type": "function", "id": call.id, "function": {"name": call.name, "arguments": arguments}}


class _Reader:
    """Reads `chat.completion.chunk` events."""

    def __init__(self) -> None:
        self.is_over = False

    def read(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read`."""
        if data == _DONE:
            self.is_over = True
            return []
        event = read(data)
        if error := event.get("error") or (event if event.get("object") == "error" else None):
            raise ModelFailed(of_event(error))
        parts: list[Part] = []
        for choice in event.get("choices", ()):
            parts += _delta_parts(choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                parts.append(Stop(_STOPS.get(reason, "end"), reason))
        if usage := event.get("usage"):
            parts.append(Usage(usage.get("prompt_tokens"), usage.get("completion_tokens")))
        return parts


def _delta_parts(delta: Mapping[str, Any]) -> list[Part]:
    parts: list[Part] = []
    if text := delta.get("content"):
        parts.append(TextPart(text))
    if delta.get("refusal"):
        # its words are for a reader; the finish reason is "stop" all the same
        parts.append(Stop("refused", "refusal"))
    for call in delta.get("tool_calls") or ():
        function = call.get("function") or {}
        piece = CallPart(
            call.get("index", 0), call.get("id") or "", function.get("name") or "", function.get("arguments") or ""
        )
        parts.append(piece)
    return parts
