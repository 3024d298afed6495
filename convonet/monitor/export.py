"""The list of turns as a file: CSV for a spreadsheet, JSON with all that is known of each turn."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from convonet.monitor.today import STAGES
from convonet.records.record import TurnRecord

MOST_EXPORTED = 100_000
"""Turns in one file: some 250 MB of JSON. Filters narrow it down."""

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
"""A cell that begins like this is run by spreadsheets; what callers say must not be."""


async def as_json(bodies: AsyncIterator[Sequence[str]]) -> AsyncGenerator[str, None]:
    """A JSON array of records."""
    yield "["
    separator = "\n"
    async for some in bodies:
        yield separator + ",\n".join(some)
        separator = ",\n"
    yield "\n]\n"


async def as_csv(bodies: AsyncIterator[Sequence[str]]) -> AsyncGenerator[str, None]:
    """One line a record, after a line with the names."""
    yield "\ufeff" + _lines([COLUMNS])
    async for some in bodies:
        yield _lines([_cells(TurnRecord.model_validate_json(body)) for body in some])


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _cells(record: TurnRecord) -> list[object]:
    about = record.metadata
    failed = [call.tool_name for call in record.tool_calls if call.status == "failed"]
    return [
        record.request_id,
        record.datetime,
        about.session_id,
        record.user_id,
        record.user_name,
        about.source,
        about.agent_type,
        record.provider,
        record.model,
        record.status,
        record.user_prompt,
        record.agent_response,
        record.error,
        record.duration_ms,
        *(about.voice_timing.get(stage) for stage in ("capture_ms", *STAGES)),
        " ".join(call.tool_name for call in record.tool_calls),
        " ".join(failed),
        about.tokens_in,
        about.tokens_out,
        about.hand_over.outcome if about.hand_over else about.transfer_marker,
    ]
