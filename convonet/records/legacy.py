"""Records that the replaced deployment wrote: the same keys, with fewer fields filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convonet.core.status import Source, TurnStatus
from convonet.records.record import RESULT_CHARACTERS, ToolCallRecord, TurnMetadata, TurnRecord

_STATUS: Mapping[str, TurnStatus] = {"success": "success", "failed": "failed", "timeout": "timeout"}
"""Any other status (`pending`, `processing`) is a turn that never ended."""

_SOURCES: Mapping[str, Source] = {"voice": "voice", "text": "text", "transfer": "transfer"}


def legacy_record(body: Mapping[str, Any]) -> TurnRecord:
    """Convert such a record. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    about = body.get("metadata") or {}
    timestamp = float(body["timestamp"])
    return TurnRecord(
        request_id=str(body["request_id"]),
        user_id=str(body.get("user_id") or ""),
        user_name=str(body.get("user_name") or ""),
        timestamp=timestamp,
        datetime=str(body.get("datetime") or ""),
        provider=str(body.get("provider") or "none"),
        model=str(body.get("model") or "none"),
        user_prompt=str(body.get("user_prompt") or ""),
        agent_response=str(body.get("agent_response") or ""),
        tool_calls=[_tool_call(call) for call in body.get("tool_calls") or []],
        status=_STATUS.get(str(body.get("status")), "failed"),
        duration_ms=float(body.get("duration_ms") or 0.0),
        error=body.get("error"),
        metadata=TurnMetadata(
            session_id=str(about.get("session_id") or ""),
            turn_id="",
            agent_type=str(about.get("agent_type") or "general"),
            source=_SOURCES.get(str(about.get("source")), "api"),
            t0=float(about.get("t0") or timestamp),
            stt_provider=about.get("stt_provider"),
            tts_provider=about.get("tts_provider"),
            voice_timing={name: took for name, took in (about.get("voice_timing") or {}).items() if _is_number(took)},
        ),
    )


def _tool_call(call: Mapping[str, Any]) -> ToolCallRecord:
    result, arguments = call.get("result"), call.get("arguments")
    return ToolCallRecord(
        tool_name=str(call.get("tool_name") or "unknown"),
        tool_id=str(call.get("tool_id") or ""),
        arguments=arguments if isinstance(arguments, dict) else {},
        result=str(result)[:RESULT_CHARACTERS] if result is not None else None,
        error=call.get("error"),
        duration_ms=call.get("duration_ms"),
        elapsed_from_stop_ms=float(call.get("elapsed_from_stop_ms") or 0.0),
        # that deployment called every result a success; an error is the only sign of a failure
        status="failed" if call.get("error") else "success",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
