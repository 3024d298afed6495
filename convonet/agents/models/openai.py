"""OpenAI's chat completions, and servers of one's own that speak the same protocol: vLLM, Ollama, llama.cpp.

Such a server keeps what it has computed for the beginning of a prompt. The beginning is therefore the same in every
turn of a domain, whoever calls: tools and instructions first, and the facts of the call with the caller's last words.
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
from convonet.agents.models.speech_filter import Habits, SpeechFilter
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import read
from convonet.settings.models import LLM_NAMES, ModelSettings

if TYPE_CHECKING:
    # what the SDK sends: for mypy only, to import it takes 0.5 s and 40 MB
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
    from openai.types.chat.chat_completion_message_function_tool_call_param import (
        ChatCompletionMessageFunctionToolCallParam,
    )
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

URL = "https://api.openai.com/v1"

NO_KEY = "none"
"""Servers on one's own machine want no key, but some of them want the header."""

_DONE = b"[DONE]"

FACTS_ARE_OURS = "The line in brackets before the caller's last words is from us: the facts of this call."

_STOPS: Mapping[str, StopKind] = {"length": "no room", "content_filter": "refused"}


def openai_model(settings: ModelSettings) -> ChosenModel:
    """OpenAI's model, as the settings name it."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    chat = OpenAiModel(str(settings.openai_base_url or URL), key, settings.openai_model, room="max_completion_tokens")
    return ChosenModel("openai", settings.openai_model, chat, says_why_it_stops=True)


def compatible_model(settings: ModelSettings) -> ChosenModel:
    """The model of one's own server."""
    key = settings.compatible_api_key.get_secret_value() if settings.compatible_api_key else NO_KEY
    chat = OwnServerModel(
        str(settings.compatible_base_url),
        key,
        settings.compatible_model or "",
        done_is_a_reason=settings.compatible_server == "compatible",
    )
    names = frozenset(name for name, vendor in LLM_NAMES.items() if vendor == "compatible")
    return ChosenModel(
        settings.compatible_server, settings.compatible_model or "", chat, says_why_it_stops=True, other_names=names
    )


@dataclass(frozen=True, slots=True)
class Demand:
    """What a question asks beyond an answer in words. Turns never do; it shows what a server can."""

    must_call: str = ""
    """The tool that the answer has to use."""
    schema: Mapping[str, Any] | None = None
    """The answer has to be JSON of this JSON Schema."""


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

    def answer(self, request: ModelRequest, demand: Demand | None = None) -> AsyncGenerator[Part, None]:
        """See `ChatModel.answer`."""
        return self._endpoint.answer(self._body(request, demand or Demand()), self._reader(demand or Demand()))

    async def close(self) -> None:
        """See `ChatModel.close`."""
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
        params[self._room] = MAX_ANSWER_TOKENS
        if demand.must_call:
            # and not "required", with which a small model may add call after call
            params["tool_choice"] = {"type": "function", "function": {"name": demand.must_call}}
        if demand.schema is not None:
            params["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(demand.schema), "strict": True},
            }
        tools = {"tools": self._tools.of(request.tools)} if request.tools.tools else {}
        return orjson.dumps({**tools, **params})


class OwnServerModel(OpenAiModel):
    """The model of a server of one's own, whose parsers may be missing or wrong."""

    def __init__(self, base_url: str, key: str, model: str, *, done_is_a_reason: bool = False) -> None:
        """With `done_is_a_reason` an answer is whole at the stream's `[DONE]`, also if nothing says why it stops."""
        super().__init__(base_url, key, model, room="max_tokens")
        self._done_is_a_reason = done_is_a_reason
        self.habits = Habits()

    def _reader(self, demand: Demand) -> _Reader:
        # JSON that was asked for is no tool call
        speech = None if demand.schema is not None else SpeechFilter(self.habits)
        return _OwnServerReader(self.habits, speech, done_is_a_reason=self._done_is_a_reason)


def _messages(request: ModelRequest) -> list[ChatCompletionMessageParam]:
    """The facts of the call stand with the caller's last words: what comes before is the same for everybody."""
    system, messages = request.system, list(request.messages)
    asked = [(at, message) for at, message in enumerate(messages) if isinstance(message, UserMessage)]
    if not system.instructions or not asked:
        return [{"role": "system", "content": system.text}, *map(_message, messages)]
    at, last = asked[-1]
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
            parts += self._delta(choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                parts.append(Stop(_STOPS.get(reason, "end"), reason))
        if usage := event.get("usage"):
            parts.append(Usage(usage.get("prompt_tokens"), usage.get("completion_tokens")))
        return parts

    def _delta(self, delta: Mapping[str, Any]) -> list[Part]:
        return _delta_parts(delta)


class _OwnServerReader(_Reader):
    """Lets through only what can be spoken."""

    def __init__(self, habits: Habits, speech: SpeechFilter | None, *, done_is_a_reason: bool) -> None:
        super().__init__()
        self._habits = habits
        self._speech = speech
        self._done_is_a_reason = done_is_a_reason

    def read(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read`."""
        parts: list[Part] = []
        for part in super().read(data):
            if isinstance(part, Stop):
                self._done_is_a_reason = False
                parts += self._held_back()
            parts.append(part)
        if self.is_over:
            parts += self._held_back()
            if self._done_is_a_reason:
                parts.append(Stop("end", "[DONE]"))
        return parts

    def _delta(self, delta: Mapping[str, Any]) -> list[Part]:
        if delta.get("reasoning") or delta.get("reasoning_content"):
            self._habits.has_thought = True
        if self._speech is None or not (text := delta.get("content")):
            return super()._delta(delta)
        return super()._delta({**delta, "content": self._speech.feed(text)})

    def _held_back(self) -> list[Part]:
        text = self._speech.flush() if self._speech is not None else ""
        return [TextPart(text)] if text else []


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
