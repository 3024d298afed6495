"""Client for Google's Gemini REST API.

The SDK's request types name fields differently from the REST API. So the tests' server checks requests, and mypy can't.
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
    Message,
    ModelConfig,
    ModelRequest,
    NativeMessage,
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
from convonet.agents.models.tools import PreparedTools
from convonet.agents.models.wire_json import read_event
from convonet.settings.models import ModelSettings

PROVIDER = "google"
URL = "https://generativelanguage.googleapis.com"

UNSIGNED = "skip_thought_signature_validator"
"""Signature that Google accepts for a call that another model made before this one took over."""

_SIGNS_CALLS = re.compile(r"gemini-([3-9]|\d\d)")
"""Models that refuse a call without a signature; older ones have no signatures."""

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


def google_model(settings: ModelSettings) -> ModelConfig:
    """Return Google's model from the settings."""
    key = settings.google_api_key.get_secret_value() if settings.google_api_key else ""
    client = GoogleClient(str(settings.google_base_url or URL), key, settings.google_model)
    return ModelConfig(PROVIDER, settings.google_model, client, gives_stop_reason=True)


class GoogleClient:
    """Implements `VendorClient`."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        url = f"{base_url.rstrip('/')}/v1beta/models/{model}:streamGenerateContent?alt=sse"
        self._endpoint = Endpoint(url, {"X-Goog-Api-Key": key})
        self._unsigned = {"thoughtSignature": UNSIGNED} if _SIGNS_CALLS.search(model) else {}
        self._tools = PreparedTools(_tool)

    def stream(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `VendorClient.stream`."""
        return self._endpoint.stream(self._body(request), _Reader())

    async def close(self) -> None:
        """See `VendorClient.close`."""
        await self._endpoint.close()

    def _body(self, request: ModelRequest) -> bytes:
        body: dict[str, Any] = {
            "systemInstruction": {"parts": [{"text": request.system.text}]},
            "contents": list(self._contents(request.messages)),
            "generationConfig": {"maxOutputTokens": MAX_ANSWER_TOKENS},
        }
        if request.tools.tools:
            body["tools"] = [{"functionDeclarations": self._tools.json_of(request.tools)}]
        return orjson.dumps(body)

    def _contents(self, messages: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        """Merge consecutive messages of one role, as the API requires, and skip empty ones."""
        ids = _ids_in(messages)
        written = [(isinstance(m, AssistantMessage), parts) for m in messages if (parts := self._parts(m, ids))]
        for is_answer, following in groupby(written, itemgetter(0)):
            yield {
                "role": "model" if is_answer else "user",
                "parts": [part for _, parts in following for part in parts],
            }

    def _parts(self, message: Message, ids: set[str]) -> list[Mapping[str, Any]]:
        match message:
            case AssistantMessage() if message.native and message.provider == PROVIDER:
                return list(message.native)
            case AssistantMessage(text, calls):
                return [*_text(text), *map(self._call, calls)]
            case ToolMessage():
                # the API matches a result to its call by the id if it gave one, else by name and order
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
    """Reads `GenerateContentResponse` events; no event marks the last one."""

    def __init__(self) -> None:
        self.is_over = False
        self._native: list[dict[str, Any]] = []
        self._calls = 0

    def read_parts(self, data: bytes) -> list[Part]:
        """See `AnswerReader.read_parts`."""
        event = read_event(data)
        if error := event.get("error"):
            raise ModelFailed(failure_of_event(error))
        parts: list[Part] = []
        if (event.get("promptFeedback") or {}).get("blockReason"):
            parts.append(Stop("refused", "blocked"))
        for candidate in event.get("candidates", ()):
            for part in (candidate.get("content") or {}).get("parts", ()):
                parts += self._part(part)
            if reason := candidate.get("finishReason"):
                parts += [*self._native_parts(), Stop(_STOPS.get(reason, "end"), reason)]
        if usage := event.get("usageMetadata"):
            parts.append(_usage(usage))
        return parts

    def _part(self, part: dict[str, Any]) -> list[Part]:
        if part.get("thought"):
            return []
        self._keep_native(part)
        if call := part.get("functionCall"):
            self._calls += 1
            # this API sends a call in one piece
            arguments = orjson.dumps(call.get("args") or {}).decode()
            return [CallPart(self._calls, call.get("id") or "", call["name"], arguments)]
        return [TextPart(part["text"])] if part.get("text") else []

    def _keep_native(self, part: dict[str, Any]) -> None:
        if self._native and set(part) == {"text"} == set(self._native[-1]):
            self._native[-1] = {"text": self._native[-1]["text"] + part["text"]}
        else:
            self._native.append(part)

    def _native_parts(self) -> list[Part]:
        if any("thoughtSignature" in part or "id" in part.get("functionCall", {}) for part in self._native):
            return [NativeMessage(tuple(self._native))]
        return []


def _usage(usage: Mapping[str, Any]) -> Usage:
    out = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
    return Usage(usage.get("promptTokenCount"), None if out == (None, None) else sum(count or 0 for count in out))


def _ids_in(messages: Sequence[Message]) -> set[str]:
    """Return the ids that this API has given to calls."""
    parts = (part for message in messages if isinstance(message, AssistantMessage) for part in message.native)
    return {part["functionCall"]["id"] for part in parts if "id" in part.get("functionCall", {})}
