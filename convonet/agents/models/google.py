"""Google's Gemini, by its REST API.

The request types of its SDK have other names than those that travel, so it is the tests' vendor that checks these.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

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
from convonet.settings.models import ModelSettings

PROVIDER = "google"
URL = "https://generativelanguage.googleapis.com"

UNSIGNED = "skip_thought_signature_validator"
"""What Google wants with a call that its model did not make, such as another model's before this one took over."""

_SIGNS_CALLS = re.compile(r"gemini-([3-9]|\d\d)")
"""Models that refuse a call without a signature; older ones know none."""

_STOPS: Mapping[str, StopKind] = {
    "MAX_TOKENS": "no room",
    "SAFETY": "refused",
    "PROHIBITED_CONTENT": "refused",
    "BLOCKLIST": "refused",
    "RECITATION": "refused",
    "SPII": "refused",
    "MALFORMED_FUNCTION_CALL": "bad call",
    "UNEXPECTED_TOOL_CALL": "bad call",
}


def google_model(settings: ModelSettings) -> ChosenModel:
    """Google's model, as the settings name it."""
    key = settings.google_api_key.get_secret_value() if settings.google_api_key else ""
    chat = GoogleModel(str(settings.google_base_url or URL), key, settings.google_model)
    return ChosenModel(PROVIDER, settings.google_model, chat, says_why_it_stops=True)


class GoogleModel:
    """See `ChatModel`."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        url = f"{base_url.rstrip('/')}/v1beta/models/{model}:streamGenerateContent?alt=sse"
        self._endpoint = Endpoint(url, {"X-Goog-Api-Key": key})
        self._unsigned = {"thoughtSignature": UNSIGNED} if _SIGNS_CALLS.search(model) else {}
        self._tools = PreparedTools(_tool)

    def answer(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `ChatModel.answer`."""
        return self._endpoint.answer(self._body(request), _Reader())

    async def close(self) -> None:
        """See `ChatModel.close`."""
        await self._endpoint.close()

    def _body(self, request: ModelRequest) -> bytes:
        body: dict[str, Any] = {
            "systemInstruction": {"parts": [{"text": request.system.text}]},
            "contents": list(self._contents(request.messages)),
            "generationConfig": {"maxOutputTokens": MAX_ANSWER_TOKENS},
        }
        if request.tools.tools:
            body["tools"] = [{"functionDeclarations": self._tools.of(request.tools)}]
        return orjson.dumps(body)

    def _contents(self, messages: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        """The roles take turns: what one says after another is one content, and who says nothing has none."""
        ids = _ids_in(messages)
        said = [(isinstance(m, AssistantMessage), parts) for m in messages if (parts := self._parts(m, ids))]
        for is_answer, following in groupby(said, itemgetter(0)):
            yield {
                "role": "model" if is_answer else "user",
                "parts": [part for _, parts in following for part in parts],
            }

    def _parts(self, message: Message, ids: set[str]) -> list[Mapping[str, Any]]:
        match message:
            case AssistantMessage() if message.own and message.provider == PROVIDER:
                return list(message.own)
            case AssistantMessage(text, calls):
                return [*_text(text), *map(self._call, calls)]
            case ToolMessage():
                # the vendor finds its call by the id if it gave one, else by name and order
                named = {"id": message.call_id} if message.call_id in ids else {}
                return [{"functionResponse": {**named, "name": message.tool, "response": message.content}}]
            case UserMessage(text):
                return _text(text)

    def _call(self, call: ToolCall) -> Mapping[str, Any]:
        return {"functionCall": {"name": call.name, "args": call.arguments}, **self._unsigned}


def _text(text: str) -> list[Mapping[str, Any]]:
    return [{"text": text}] if text else []


def _tool(tool: Tool) -> Mapping[str, Any]:
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}


class _Reader:
    """Reads `GenerateContentResponse` events; the stream's end says that the last one has come."""

    def __init__(self) -> None:
        self.is_over = False
        self._own: list[dict[str, Any]] = []
        self._calls = 0

    def read(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read`."""
        event = read(data)
        if error := event.get("error"):
            raise ModelFailed(of_event(error))
        parts: list[Part] = []
        if (event.get("promptFeedback") or {}).get("blockReason"):
            parts.append(Stop("refused", "blocked"))
        for candidate in event.get("candidates", ()):
            for part in (candidate.get("content") or {}).get("parts", ()):
                parts += self._part(part)
            if reason := candidate.get("finishReason"):
                parts += [*self._signed(), Stop(_STOPS.get(reason, "end"), reason)]
        if usage := event.get("usageMetadata"):
            parts.append(_usage(usage))
        return parts

    def _part(self, part: dict[str, Any]) -> list[Part]:
        if part.get("thought"):
            return []
        self._keep(part)
        if call := part.get("functionCall"):
            self._calls += 1
            # this vendor sends a call in one piece
            arguments = orjson.dumps(call.get("args") or {}).decode()
            return [CallPart(self._calls, call.get("id") or "", call["name"], arguments)]
        return [TextPart(part["text"])] if part.get("text") else []

    def _keep(self, part: dict[str, Any]) -> None:
        if self._own and set(part) == {"text"} == set(self._own[-1]):
            self._own[-1] = {"text": self._own[-1]["text"] + part["text"]}
        else:
            self._own.append(part)

    def _signed(self) -> list[Part]:
        if any("thoughtSignature" in part or "id" in part.get("functionCall", {}) for part in self._own):
            return [OwnMessage(tuple(self._own))]
        return []


def _usage(usage: Mapping[str, Any]) -> Usage:
    out = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
    return Usage(usage.get("promptTokenCount"), None if out == (None, None) else sum(count or 0 for count in out))


def _ids_in(messages: Sequence[Message]) -> set[str]:
    """The ids that this vendor has given to calls."""
    own = (part for message in messages if isinstance(message, AssistantMessage) for part in message.own)
    return {part["functionCall"]["id"] for part in own if "id" in part.get("functionCall", {})}
