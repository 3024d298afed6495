"""Client for OpenAI's Chat Completions API, and for self-hosted servers with the same API: vLLM, Ollama, llama.cpp.

Such servers cache the beginning of a prompt. So tools and instructions come first, which are the same for every caller
of a domain, and the facts of the call come with the caller's last sentence.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from convonet.agents.models.base import (
    MAX_ANSWER_TOKENS,
    AssistantMessage,
    CallPart,
    Message,
    ModelConfig,
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
from convonet.agents.models.failures import ModelFailed, failure_of_event
from convonet.agents.models.speech_filter import SpeechFilter, ThinkingHabits
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import read_event
from convonet.settings.models import LLM_NAMES, ModelSettings

if TYPE_CHECKING:
    # the SDK's types, for mypy only: importing it takes 0.5 s and 40 MB
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from openai.types.chat.chat_completion_message_function_tool_call_param import (
        ChatCompletionMessageFunctionToolCallParam,
    )
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

URL = "https://api.openai.com/v1"

NO_KEY = "none"
"""Key for a server that needs none: some of them still require the header."""

_DONE = b"[DONE]"

FACTS_ARE_OURS = "The line in brackets before the caller's last words is from us: the facts of this call."

_STOPS: Mapping[str, StopKind] = {"length": "no room", "content_filter": "refused"}


def openai_model(settings: ModelSettings) -> ModelConfig:
    """Return OpenAI's model from the settings."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    url = str(settings.openai_base_url or URL)
    client = OpenAiClient(url, key, settings.openai_model, limit_name="max_completion_tokens")
    return ModelConfig("openai", settings.openai_model, client, gives_stop_reason=True)


def self_hosted_model(settings: ModelSettings) -> ModelConfig:
    """Return the self-hosted model from the settings."""
    key = settings.compatible_api_key.get_secret_value() if settings.compatible_api_key else NO_KEY
    server, model = settings.compatible_server, settings.compatible_model or ""
    client = SelfHostedClient(str(settings.compatible_base_url), key, model, accept_done=server == "compatible")
    names = frozenset(name for name, vendor in LLM_NAMES.items() if vendor == "compatible")
    return ModelConfig(server, model, client, gives_stop_reason=True, aliases=names)


@dataclass(frozen=True, slots=True)
class Demand:
    """A constraint on the answer. Turns have none; the server check uses it to find out what a server supports."""

    must_call: str = ""
    """Tool that the answer has to call."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema for the answer."""


class OpenAiClient:
    """Implements `VendorClient`."""

    def __init__(
        self, base_url: str, key: str, model: str, *, limit_name: Literal["max_tokens", "max_completion_tokens"]
    ) -> None:
        """`limit_name` is the parameter that limits an answer's tokens: not every server knows OpenAI's new name."""
        self._endpoint = Endpoint(f"{base_url.rstrip('/')}/chat/completions", {"Authorization": f"Bearer {key}"})
        self._model = model
        self._limit_name = limit_name
        self._tools = PreparedTools(_tool)

    def stream(self, request: ModelRequest, demand: Demand | None = None) -> AsyncGenerator[Part, None]:
        """See `VendorClient.stream`."""
        return self._endpoint.stream(self._body(request, demand or Demand()), self._reader(demand or Demand()))

    async def close(self) -> None:
        """See `VendorClient.close`."""
        await self._endpoint.close()

    def _reader(self, demand: Demand) -> _Reader:
        return _Reader()

    def _body(self, request: ModelRequest, demand: Demand) -> bytes:
        params: CompletionCreateParamsStreaming = {
            "model": self._model,
            "messages": _messages(request),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        params[self._limit_name] = MAX_ANSWER_TOKENS
        if demand.must_call:
            # not "required", with which a small model may add call after call
            params["tool_choice"] = {"type": "function", "function": {"name": demand.must_call}}
        if demand.schema is not None:
            params["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(demand.schema), "strict": True},
            }
        tools = {"tools": self._tools.json_of(request.tools)} if request.tools.tools else {}
        return orjson.dumps({**tools, **params})


class SelfHostedClient(OpenAiClient):
    """Client for a self-hosted server, whose parsers may be missing or wrong."""

    def __init__(self, base_url: str, key: str, model: str, *, accept_done: bool = False) -> None:
        """With `accept_done` an answer is complete at the stream's `[DONE]`, even without a stop reason."""
        super().__init__(base_url, key, model, limit_name="max_tokens")
        self._accept_done = accept_done
        self.habits = ThinkingHabits()

    def _reader(self, demand: Demand) -> _Reader:
        # requested JSON is not a tool call
        speech_filter = None if demand.schema is not None else SpeechFilter(self.habits)
        return _SelfHostedReader(self.habits, speech_filter, accept_done=self._accept_done)


def _messages(request: ModelRequest) -> list[ChatCompletionMessageParam]:
    """Put the facts of the call before the caller's last sentence, so that all before it can be cached."""
    system, messages = request.system, list(request.messages)
    sentences = [(at, message) for at, message in enumerate(messages) if isinstance(message, UserMessage)]
    if not system.instructions or not sentences:
        return [{"role": "system", "content": system.text}, *map(_message, messages)]
    at, last = sentences[-1]
    messages[at] = UserMessage(f"[{system.facts}]\n{last.text}")
    head: ChatCompletionMessageParam = {"role": "system", "content": f"{system.instructions}\n{FACTS_ARE_OURS}"}
    return [head, *map(_message, messages)]


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

    def read_parts(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read_parts`."""
        if data == _DONE:
            self.is_over = True
            return []
        event = read_event(data)
        if error := event.get("error") or (event if event.get("object") == "error" else None):
            raise ModelFailed(failure_of_event(error))
        parts: list[Part] = []
        for choice in event.get("choices", ()):
            parts += self._delta(choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                parts.append(Stop(_STOPS.get(reason, "end"), reason))
        if usage := event.get("usage"):
            parts.append(Usage(usage.get("prompt_tokens"), usage.get("completion_tokens")))
        return parts

    def _delta(self, delta: Mapping[str, Any]) -> list[Part]:
        parts: list[Part] = []
        if text := delta.get("content"):
            parts.append(TextPart(text))
        if delta.get("refusal"):
            # its text is for a reader, although the finish reason is "stop"
            parts.append(Stop("refused", "refusal"))
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            piece = CallPart(
                call.get("index", 0), call.get("id") or "", function.get("name") or "", function.get("arguments") or ""
            )
            parts.append(piece)
        return parts


class _SelfHostedReader(_Reader):
    """Passes on only text that can be spoken."""

    def __init__(self, habits: ThinkingHabits, speech_filter: SpeechFilter | None, *, accept_done: bool) -> None:
        super().__init__()
        self._habits = habits
        self._speech_filter = speech_filter
        self._accept_done = accept_done

    def read_parts(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read_parts`."""
        parts: list[Part] = []
        for part in super().read_parts(data):
            if isinstance(part, Stop):
                self._accept_done = False
                parts += self._held_back()
            parts.append(part)
        if self.is_over:
            parts += self._held_back()
            if self._accept_done:
                parts.append(Stop("end", "[DONE]"))
        return parts

    def _delta(self, delta: Mapping[str, Any]) -> list[Part]:
        if delta.get("reasoning") or delta.get("reasoning_content"):
            self._habits.has_thought = True
        if self._speech_filter is None or not (text := delta.get("content")):
            return super()._delta(delta)
        return super()._delta({**delta, "content": self._speech_filter.feed(text)})

    def _held_back(self) -> list[Part]:
        text = self._speech_filter.flush() if self._speech_filter is not None else ""
        return [TextPart(text)] if text else []
