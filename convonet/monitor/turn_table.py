"""The SQLite tables behind the list of turns: for each turn a row, its whole record and its words.

`TurnIndex` runs these functions in the one thread of a `SqliteThread`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from convonet.monitor.messages import TurnRow
from convonet.records.record import TurnRecord

MAX_TURNS = 500_000
"""Some 3 GB; far more turns than one machine has in a week."""

MAX_ROW_CHARACTERS = 200
"""Maximum characters of prompt and response in a row of the list."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
  id INTEGER PRIMARY KEY, request_id TEXT UNIQUE NOT NULL, at REAL NOT NULL, session_id TEXT NOT NULL,
  user_id TEXT NOT NULL, user_name TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, agent_type TEXT NOT NULL,
  source TEXT NOT NULL, status TEXT NOT NULL, user_prompt TEXT NOT NULL, agent_response TEXT NOT NULL,
  first_audio_ms REAL, duration_ms REAL NOT NULL, waited_ms REAL NOT NULL, tool_calls INTEGER NOT NULL,
  failed_tools INTEGER NOT NULL, hand_over INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_at ON turns (at, id);
CREATE INDEX IF NOT EXISTS turns_session ON turns (session_id, at);
CREATE INDEX IF NOT EXISTS turns_user ON turns (user_id, at);
CREATE INDEX IF NOT EXISTS turns_provider ON turns (provider, at);
CREATE INDEX IF NOT EXISTS turns_agent_type ON turns (agent_type, at);
CREATE INDEX IF NOT EXISTS turns_status ON turns (status, at);
CREATE INDEX IF NOT EXISTS turns_source ON turns (source, at);
CREATE INDEX IF NOT EXISTS turns_slow ON turns (waited_ms);
CREATE INDEX IF NOT EXISTS turns_hand_over ON turns (at) WHERE hand_over;
CREATE INDEX IF NOT EXISTS turns_failed_tool ON turns (at) WHERE failed_tools > 0;
CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS turn_words USING fts5 (said, answered, prefix = '2 3');
"""

_EXPIRED = """
SELECT id FROM turns WHERE at < ?
UNION SELECT id FROM (SELECT id FROM turns ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?)
"""

ROW = (
    "request_id, at AS timestamp, session_id, user_id, user_name, provider, model, agent_type, source, status, "
    "user_prompt, agent_response, first_audio_ms, duration_ms, tool_calls, failed_tools, hand_over"
)


def row_of(record: TurnRecord) -> TurnRow:
    """Return the record as a row of the list."""
    return TurnRow(
        request_id=record.request_id,
        timestamp=record.timestamp,
        session_id=record.metadata.session_id,
        user_id=record.user_id,
        user_name=record.user_name,
        provider=record.provider,
        model=record.model,
        agent_type=record.metadata.agent_type,
        source=record.metadata.source,
        status=record.status,
        user_prompt=record.user_prompt[:MAX_ROW_CHARACTERS],
        agent_response=record.agent_response[:MAX_ROW_CHARACTERS],
        first_audio_ms=record.metadata.voice_timing.get("first_audio_ms"),
        duration_ms=record.duration_ms,
        tool_calls=len(record.tool_calls),
        failed_tools=sum(call.status == "failed" for call in record.tool_calls),
        hand_over=record.metadata.transfer_marker is not None or record.metadata.hand_over is not None,
    )


def row_ids(connection: sqlite3.Connection, request_ids: Sequence[str]) -> dict[str, int]:
    """Return the row ids of those requests that are stored."""
    marks = ", ".join("?" * len(request_ids))
    sql = f"SELECT request_id, id FROM turns WHERE request_id IN ({marks})"  # noqa: S608 -- marks only
    return {row["request_id"]: row["id"] for row in connection.execute(sql, request_ids)}


def upsert_records(connection: sqlite3.Connection, records: Sequence[TurnRecord]) -> dict[str, int]:
    """Write the records in one transaction.

    Returns:
        The row ids of the requests that were stored before.
    """
    by_id = {record.request_id: record for record in records}
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        known = row_ids(connection, list(by_id))
        for record in by_id.values():
            _upsert(connection, record, known.get(record.request_id))
    return known


def _upsert(connection: sqlite3.Connection, record: TurnRecord, row_id: int | None) -> None:
    fields = row_of(record).model_dump()
    fields["at"] = fields.pop("timestamp")
    fields["waited_ms"] = fields["first_audio_ms"] or fields["duration_ms"]
    if row_id is not None:
        fields["id"] = row_id
        connection.execute("DELETE FROM turn_words WHERE rowid = ?", [row_id])
    sql = f"INSERT OR REPLACE INTO turns ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
    row_id = connection.execute(sql, list(fields.values())).lastrowid
    connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", [row_id, record.model_dump_json()])
    words = [row_id, record.user_prompt, record.agent_response]
    connection.execute("INSERT INTO turn_words (rowid, said, answered) VALUES (?, ?, ?)", words)


def delete_expired(connection: sqlite3.Connection, oldest: float, max_turns: int) -> int:
    """Delete turns that are older than a Unix time, and the oldest beyond `max_turns`; return their number."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        old = [(row["id"],) for row in connection.execute(_EXPIRED, [oldest, max_turns])]
        for sql in (
            "DELETE FROM turn_words WHERE rowid = ?",
            "DELETE FROM records WHERE id = ?",
            "DELETE FROM turns WHERE id = ?",
        ):
            connection.executemany(sql, old)
    return len(old)
