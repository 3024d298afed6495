"""Exports of the list of turns: CSV for a spreadsheet, or JSON with the whole record of each turn."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from convonet.monitor.today import STAGES
from convonet.records.record import TurnRecord

MAX_EXPORTED_TURNS = 100_000
"""Some 250 MB of JSON. Filters narrow an export down."""

COLUMNS = (
    "request_id",
    "datetime",
    "session_id",
    "user_id",
    "user_name",
    "source",
    "agent_type",
    "provider",
    "model",
    "status",
    "user_prompt",
    "agent_response",
    "error",
    "duration_ms",
    "capture_ms",
    *STAGES,
    "tools",
    "failed_tools",
    "tokens_in",
    "tokens_out",
    "hand_over",
)

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets execute a cell that begins like this; they must not execute what callers have said."""


async def as_json(bodies: AsyncIterator[Sequence[str]]) -> AsyncGenerator[str, None]:
    """Stream the records, given in batches as JSON, as one JSON array."""
    yield "["
    separator = "\n"
    async for batch in bodies:
        yield separator + ",\n".join(batch)
        separator = ",\n"
    yield "\n]\n"


async def as_csv(bodies: AsyncIterator[Sequence[str]]) -> AsyncGenerator[str, None]:
    """Stream the records as CSV, after a row with the names of the columns."""
    yield "\ufeff" + _rows([COLUMNS])
    async for batch in bodies:
        yield _rows([_cells(TurnRecord.model_validate_json(body)) for body in batch])


def _rows(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _cells(record: TurnRecord) -> list[object]:
    metadata = record.metadata
    failed = [call.tool_name for call in record.tool_calls if call.status == "failed"]
    return [
        record.request_id,
        record.datetime,
        metadata.session_id,
        record.user_id,
        record.user_name,
        metadata.source,
        metadata.agent_type,
        record.provider,
        record.model,
        record.status,
        record.user_prompt,
        record.agent_response,
        record.error,
        record.duration_ms,
        *(metadata.voice_timing.get(stage) for stage in ("capture_ms", *STAGES)),
        " ".join(call.tool_name for call in record.tool_calls),
        " ".join(failed),
        metadata.tokens_in,
        metadata.tokens_out,
        metadata.hand_over.outcome if metadata.hand_over else metadata.transfer_marker,
    ]
