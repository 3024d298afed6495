"""What went wrong with a hosted model, and whether it should rest: told from the kind of the error."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

from langchain_core.exceptions import ContextOverflowError, ModelError, ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk

RATE_LIMIT_REST_S = 10.0
"""For a vendor that does not say when to come back."""

BLOCKED = "blocked"
"""Where Google's filter stops the question, no model gives a reason for stopping."""

_REFUSALS = {"refusal", "content_filter", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII", BLOCKED}
"""Why a model stopped, by the vendors' names, when it did so because of what was said."""

_TOO_LONG = {"max_tokens", "length", "MAX_TOKENS", "model_context_window_exceeded"}
"""When there was no room for the rest; what a model thinks before it speaks takes room too."""

_BAD_CALLS = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}

_RATE_LIMITS = {"rate_limit_error", "rate_limit_exceeded"}
_WRONG_REQUESTS = {"invalid_request_error"}
"""The vendors' names in an error within a stream, which has no status of its own."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`rest` is whether the next turns would most likely fail too."""

    why: str
    rest: bool = True
    rest_s: float = 0.0
    """The shortest rest, where the vendor named one."""


def of_error(error: BaseException) -> Failure:
    """An error that the vendor's SDK raised."""
    kind = _kind(error) or _named(error) or type(error).__name__
    # the vendor's own words may quote the caller's, or a part of the key
    why = " ".join(filter(None, (kind, _status(error))))
    if isinstance(error, ModelRateLimitError) or kind in _RATE_LIMITS:
        return Failure(why, rest_s=_retry_after(error) or RATE_LIMIT_REST_S)
    # the next conversation may well please the vendor
    wrong = isinstance(error, ModelInvalidRequestError | ContextOverflowError) or kind in _WRONG_REQUESTS
    return Failure(why, rest=not wrong)


def stop_reason(message: AIMessage) -> str:
    """Why the model stopped, by the vendor's name for it; empty while it goes on."""
    told = message.response_metadata
    if (told.get("prompt_feedback") or {}).get("block_reason"):
        return BLOCKED
    return str(told.get("stop_reason") or told.get("finish_reason") or "")


def of_answer(message: AIMessageChunk, reason: str, *, says_why: bool) -> Failure | None:
    """What is wrong with an answer that came without an error.

    `says_why` is whether this model always gives the reason for which it stopped.
    """
    if reason in _REFUSALS:
        return Failure(f"refused: {reason}", rest=False)
    if reason in _TOO_LONG:
        return Failure(f"cut off: {reason}", rest=False)
    if says_why and not reason:
        return Failure("cut off")
    if reason in _BAD_CALLS or not all(map(_is_json, message.tool_call_chunks)):
        return Failure("a tool call that is no JSON", rest=False)
    if not message.text.strip() and not message.tool_calls:
        return Failure(f"empty answer {reason}".rstrip(), rest=False)
    return None


def _is_json(call: ToolCallChunk) -> bool:
    """LangChain itself completes arguments that stop in the middle, and a half title is a wrong one."""
    try:
        return isinstance(json.loads(call["args"] or "{}", strict=False), dict)
    except ValueError:
        return False


def _kind(error: BaseException) -> str:
    """LangChain's name for it, if it has one."""
    kind = next((base.__name__ for base in type(error).__mro__ if base.__module__ == ModelError.__module__), "")
    return kind.removeprefix("Model")


def _named(error: BaseException) -> str:
    """The vendor's name for an error within a stream; the SDKs keep it at the error."""
    names = [name for name in (getattr(error, "type", None), getattr(error, "code", None)) if isinstance(name, str)]
    return next((name for name in names if name in _RATE_LIMITS), names[0] if names else "")


def _status(error: BaseException) -> str:
    """Of the vendor's answer, if it was one of a failure; the SDKs keep it at the error or at its cause."""
    for at in (error, error.__cause__):
        for name in ("status_code", "code"):
            if isinstance(status := getattr(at, name, None), int) and status >= 400:
                return str(status)
    return ""


def _retry_after(error: BaseException | None) -> float | None:
    """Seconds; the SDKs keep the response at the error or at its cause."""
    while error is not None:
        headers = getattr(getattr(error, "response", None), "headers", {})
        with contextlib.suppress(KeyError, ValueError):
            return float(headers["retry-after"])
        with contextlib.suppress(ValueError):
            return _retry_info(getattr(error, "details", None))
        error = error.__cause__
    return None


def _retry_info(body: object) -> float:
    """Seconds, from the body of Google's error, which may have them instead of a header. Raises `ValueError`."""
    match body:
        case {"error": {"details": [*details]}}:
            for detail in details:
                match detail:
                    case {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": str(delay)}:
                        return float(delay.removesuffix("s"))
    raise ValueError("no delay in it")
