"""What went wrong with a hosted model, and whether it should rest: told from the kind of the error."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from langchain_core.exceptions import ContextOverflowError, ModelError, ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import AIMessage

RATE_LIMIT_REST_S = 10.0
"""For a vendor that does not say when to come back."""

_REFUSALS = {"refusal", "content_filter", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII"}
"""Why a model stopped, by the vendors' names, when it did so because of what was said."""


@dataclass(frozen=True, slots=True)
class Failure:
    """`rest` is whether the next turns would most likely fail too."""

    why: str
    rest: bool = True
    rest_s: float = 0.0
    """The shortest rest, where the vendor named one."""


def of_error(error: BaseException) -> Failure:
    """An error that the vendor's SDK raised."""
    kind = next((base.__name__ for base in type(error).__mro__ if base.__module__ == ModelError.__module__), "")
    # the vendor's own words may quote the caller's, or a part of the key
    why = " ".join(filter(None, (kind.removeprefix("Model") or type(error).__name__, _status(error))))
    if isinstance(error, ModelRateLimitError):
        return Failure(why, rest_s=_retry_after(error) or RATE_LIMIT_REST_S)
    # the next conversation may well please the vendor
    return Failure(why, rest=not isinstance(error, ModelInvalidRequestError | ContextOverflowError))


def of_answer(message: AIMessage) -> Failure | None:
    """What is wrong with an answer that came without an error."""
    told = message.response_metadata
    reason = str(told.get("stop_reason") or told.get("finish_reason") or "")
    if reason in _REFUSALS or message.additional_kwargs.get("refusal"):
        return Failure(f"refused: {reason or 'refusal'}", rest=False)
    if message.invalid_tool_calls:
        return Failure("a tool call that is no JSON", rest=False)
    if not message.text.strip() and not message.tool_calls:
        return Failure(f"empty answer {reason}".rstrip(), rest=False)
    return None


def _status(error: BaseException) -> str:
    """Of the vendor's answer, if there was one; the SDKs keep it at the error or at its cause."""
    for at in (error, error.__cause__):
        for name in ("status_code", "code"):
            if isinstance(status := getattr(at, name, None), int):
                return str(status)
    return ""


def _retry_after(error: BaseException | None) -> float | None:
    """Seconds; the SDKs keep the response at the error or at its cause."""
    while error is not None:
        headers = getattr(getattr(error, "response", None), "headers", {})
        with contextlib.suppress(KeyError, ValueError):
            return float(headers["retry-after"])
        error = error.__cause__
    return None
