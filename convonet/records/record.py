"""The record of a turn, field by field as the monitoring tools of the deployment before this one read it."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from convonet.core.status import Source, TurnStatus

RESULT_CHARACTERS = 2000
"""A tool's result is for a person to look at; a longer one is cut."""


class ToolCallRecord(BaseModel):
    """One tool call. `status` is the tool's own word: an answer that is an error is `failed`."""

    tool_name: str
    tool_id: str
    arguments: dict[str, object]
    result: str | None = None
    error: str | None = None
    duration_ms: float | None = None
    elapsed_from_stop_ms: float
    """From the end of the utterance to the start of the call."""
    status: Literal["pending", "success", "failed"] = "pending"


class HandOverRecord(BaseModel):
    """What became of a hand-over to a human. Times are seconds since it was asked for."""

    department: str
    extension: str
    agent_name: str
    outcome: str
    """`ended` when two people have talked, else `failed`."""
    why: str | None
    declined: list[str] = []
    """Who at a desk did not take the caller, each with the reason that they gave."""
    waited_s: float
    talked_s: float
    sentences: int
    """Of the talk, as far as they were heard."""
    summary: str = ""
    """The talk in a few words; empty when there was none."""


class TurnMetadata(BaseModel):
    """What belongs to a turn besides its words."""

    session_id: str
    turn_id: str
    agent_type: str
    source: Source
    t0: float
    """Unix time in seconds at which the utterance ended; the timings count from there."""
    stt_provider: str | None = None
    tts_provider: str | None = None
    voice_timing: dict[str, float] = {}
    """Milliseconds: capture_ms is the length of the recording; the others are from t0 to the end of each step."""
    tokens_in: int = 0
    tokens_out: int = 0
    transfer_marker: str | None = None
    hand_over: HandOverRecord | None = None
    """Of a record whose source is `transfer`: it is written when the hand-over is over."""


class TurnRecord(BaseModel):
    """One turn, also one that failed or was cancelled."""

    request_id: str
    user_id: str
    user_name: str
    timestamp: float
    """Unix time in seconds at which the utterance ended."""
    datetime: str
    """The same, ISO 8601 in UTC."""
    provider: str
    model: str
    user_prompt: str
    agent_response: str
    tool_calls: list[ToolCallRecord]
    status: TurnStatus
    duration_ms: float
    error: str | None = None
    metadata: TurnMetadata


def serializable(record: TurnRecord) -> TurnRecord:
    """The record itself, or one that can be read again, where its text or a number is none."""
    try:
        TurnRecord.model_validate_json(record.model_dump_json())
    except (PydanticSerializationError, ValidationError):
        return TurnRecord.model_validate(_readable(record.model_dump()))
    return record


def valid_unicode(text: str) -> str:
    """The text with signs that can be written: a model may send half of a UTF-16 pair."""
    return text.encode("utf-8", "replace").decode()


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return valid_unicode(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list | tuple) else value
