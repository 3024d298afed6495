"""The record of a turn, with the fields that the replaced deployment's monitoring tools read."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from convonet.core.status import Source, TurnStatus

RESULT_CHARACTERS = 2000
"""Longer tool results are cut: people read them."""


class ToolCallRecord(BaseModel):
    """One tool call; it is `failed` when the tool answered with an error."""

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
    """The outcome of a hand-over to a human. Times are seconds since the request."""

    department: str
    extension: str
    agent_name: str
    outcome: str
    """`ended` after a talk, else `failed`."""
    why: str | None
    declined: list[str] = []
    """The staff members who declined the caller, each with a reason."""
    waited_s: float
    talked_s: float
    sentences: int
    """Sentences of the talk that were transcribed."""
    summary: str = ""
    """Summary of the talk; empty without one."""


class TurnMetadata(BaseModel):
    """The metadata of a turn."""

    session_id: str
    turn_id: str
    agent_type: str
    source: Source
    t0: float
    """Unix time in seconds of the end of the utterance; the timings count from there."""
    stt_provider: str | None = None
    tts_provider: str | None = None
    voice_timing: dict[str, float] = {}
    """Milliseconds: capture_ms is the length of the recording, the others are from t0 to the end of each stage."""
    tokens_in: int = 0
    tokens_out: int = 0
    transfer_marker: str | None = None
    hand_over: HandOverRecord | None = None
    """Only with the source `transfer`: such a record is written at the end of the hand-over."""


class TurnRecord(BaseModel):
    """One turn, even if it failed or was cancelled."""

    request_id: str
    user_id: str
    user_name: str
    timestamp: float
    """Unix time in seconds of the end of the utterance."""
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
    """Return the record, with invalid Unicode and infinite numbers replaced if it has any."""
    try:
        TurnRecord.model_validate_json(record.model_dump_json())
    except (PydanticSerializationError, ValidationError):
        return TurnRecord.model_validate(_valid(record.model_dump()))
    return record


def valid_unicode(text: str) -> str:
    """Replace invalid Unicode: a model may send half of a UTF-16 pair."""
    return text.encode("utf-8", "replace").decode()


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return valid_unicode(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {_valid(key): _valid(item) for key, item in value.items()}
    return [_valid(item) for item in value] if isinstance(value, list | tuple) else value
