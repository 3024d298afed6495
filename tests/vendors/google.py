"""The wire format of Gemini's POST /v1beta/models/<model>:streamGenerateContent, from the types of its SDK."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

from google.genai.types import (
    BlockedReason,
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerateContentResponsePromptFeedback,
    GenerateContentResponseUsageMetadata,
    GenerationConfig,
    Part,
    Tool,
)
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, Asked, Reply, Wire, is_valid


class Request(TypedDict, total=False):
    contents: list[Content]
    systemInstruction: Content
    generationConfig: GenerationConfig
    tools: list[Tool]


"""Of the REST API: the SDK's types know the names that travel."""

REQUEST = TypeAdapter(Request)
SIGNATURE = base64.urlsafe_b64encode(b"signed by Gemini!").decode()
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


def _events(reply: Reply) -> list[bytes]:
    if reply.blocked:
        feedback = GenerateContentResponsePromptFeedback(block_reason=BlockedReason.PROHIBITED_CONTENT)
        return [_event(GenerateContentResponse(prompt_feedback=feedback, model_version=MODEL))]
    # this vendor sends a tool call in one piece
    parts = [Part(text=piece) for piece in reply.pieces()]
    for name, arguments in reply.calls:
        call = FunctionCall(name=name, args=arguments, id=f"fc-{name}" if reply.signed else None)
        # of calls that are made together the first one is signed
        signature = base64.urlsafe_b64decode(SIGNATURE) if reply.signed and name == reply.calls[0][0] else None
        parts.append(Part(function_call=call, thought_signature=signature))
    answers = [_answer(Candidate(content=Content(parts=[part], role="model"), index=0)) for part in parts]
    reason = FinishReason.SAFETY if reply.refusal else FinishReason.MAX_TOKENS if reply.too_long else FinishReason.STOP
    answers.append(_answer(Candidate(content=Content(parts=[], role="model"), finish_reason=reason, index=0)))
    return [_event(answer) for answer in answers]


def _event(answer: GenerateContentResponse) -> bytes:
    return f"data: {answer.model_dump_json(by_alias=True, exclude_none=True)}\r\n\r\n".encode()


def _answer(candidate: Candidate) -> GenerateContentResponse:
    usage = GenerateContentResponseUsageMetadata(
        prompt_token_count=TOKENS_IN, candidates_token_count=TOKENS_OUT, total_token_count=TOKENS_IN + TOKENS_OUT
    )
    return GenerateContentResponse(candidates=[candidate], usage_metadata=usage, model_version=MODEL)


def _error(status: int, retry_delay: str = "") -> dict[str, object]:
    named = {"code": status, "message": "not now", "status": STATUSES.get(status, "UNAVAILABLE")}
    if not retry_delay:
        return {"error": named}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerMinute"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay},
    ]
    return {"error": {**named, "details": details}}


def _check(asked: Asked) -> int:
    if not asked.path.startswith("/v1beta/models/") or ":streamGenerateContent" not in asked.path:
        return 404
    if not asked.headers.get("x-goog-api-key"):
        return 401
    contents = asked.body["contents"]
    good = is_valid(REQUEST, asked.body) and contents[-1]["role"] == "user"
    return 200 if good and all(_answers(*pair) for pair in pairwise(contents)) else 400


def _answers(content: dict[str, Any], following: dict[str, Any]) -> bool:
    """Whether the results of a content's function calls follow it, and the first of these has a signature."""
    if content["role"] == following["role"]:
        return False
    calls = [part for part in content["parts"] if "functionCall" in part]
    results = [part["functionResponse"] for part in following["parts"] if "functionResponse" in part]
    called = sorted((part["functionCall"]["name"], part["functionCall"].get("id", "")) for part in calls)
    return called == sorted((result["name"], result.get("id", "")) for result in results) and (
        not calls or "thoughtSignature" in calls[0]
    )


WIRE = Wire(_events, _error, f"data: {json.dumps(_error(503))}\r\n\r\n".encode(), _check)
