"""The wire format of Gemini's POST /v1beta/models/<model>:streamGenerateContent, from the types of its SDK."""

from __future__ import annotations

from google.genai.types import (
    Candidate,
    Content,
    FinishReason,
    FunctionCall,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    Part,
)

from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, Asked, Reply, Wire

STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


def _events(reply: Reply) -> list[bytes]:
    # this vendor sends a tool call in one piece
    parts = [Part(text=piece) for piece in reply.pieces()]
    parts += [Part(function_call=FunctionCall(name=name, args=arguments)) for name, arguments in reply.calls]
    answers = [_answer(Candidate(content=Content(parts=[part], role="model"), index=0)) for part in parts]
    reason = FinishReason.SAFETY if reply.refusal else FinishReason.STOP
    answers.append(_answer(Candidate(content=Content(parts=[], role="model"), finish_reason=reason, index=0)))
    return [f"data: {answer.model_dump_json(by_alias=True, exclude_none=True)}\r\n\r\n".encode() for answer in answers]


def _answer(candidate: Candidate) -> GenerateContentResponse:
    usage = GenerateContentResponseUsageMetadata(
        prompt_token_count=TOKENS_IN, candidates_token_count=TOKENS_OUT, total_token_count=TOKENS_IN + TOKENS_OUT
    )
    return GenerateContentResponse(candidates=[candidate], usage_metadata=usage, model_version=MODEL)


def _error(status: int) -> dict[str, object]:
    return {"error": {"code": status, "message": "not now", "status": STATUSES.get(status, "UNAVAILABLE")}}


def _check(asked: Asked) -> int:
    if not asked.path.startswith("/v1beta/models/") or ":streamGenerateContent" not in asked.path:
        return 404
    if not asked.headers.get("x-goog-api-key"):
        return 401
    return 200 if asked.body.get("contents") else 400


WIRE = Wire(_events, _error, _check)
