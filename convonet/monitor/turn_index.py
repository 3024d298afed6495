"""The turns of the last week in a SQLite file beside the embedded database, for the list, its filters and exports.

Without Redis the file is the store of the records. With Redis it is a copy, rebuilt from Redis when it is lost, so that
no query of a supervisor costs Redis more than a turn's own write.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from convonet.monitor.messages import Choices, TurnPage, TurnRow
from convonet.monitor.turn_filter import TurnFilter, condition_of
from convonet.monitor.turn_table import MAX_TURNS, ROW, SCHEMA, delete_expired, row_ids, upsert_records
from convonet.records.record import TurnRecord
from convonet.records.redis_records import RETENTION_S
from convonet.storage.sqlite_thread import SqliteThread


class TurnIndex:
    """One per monitor. `open` it before use and `close` it at the end. Methods raise `StorageError`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, max_turns: int = MAX_TURNS) -> None:
        self._clock = clock
        self._max_turns = max_turns
        # searches must not wait for writes, nor writes for an export
        self._writer = SqliteThread(path)
        self._reader = SqliteThread(path)

    async def open(self) -> None:
        """Open the file, or create it."""
        await self._writer.run(lambda connection: connection.executescript(SCHEMA))

    async def close(self) -> None:
        """Close the file."""
        await self._writer.close()
        await self._reader.close()

    async def write(self, records: Sequence[TurnRecord]) -> list[TurnRecord]:
        """Store the records, replacing those that are stored already; return the new ones."""
        known = await self._writer.run(lambda connection: upsert_records(connection, records))
        return [record for record in records if record.request_id not in known]

    async def missing(self, request_ids: Sequence[str]) -> list[str]:
        """Return those ids for which no record is stored, in the same order."""
        known = await self._reader.run(lambda connection: row_ids(connection, request_ids))
        return [request_id for request_id in request_ids if request_id not in known]

    async def page(self, wanted: TurnFilter, cursor: str | None, limit: int) -> TurnPage:
        """Return a page of turns, newest first.

        Args:
            wanted: the filters.
            cursor: `TurnPage.next` of the page before; None for the first page.
            limit: number of turns on the page.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        where, values = condition_of(wanted)
        if cursor is not None:
            at, _, row_id = cursor.partition("-")
            where, values = f"({where}) AND (at, id) < (?, ?)", [*values, float(at), int(row_id)]
        sql = f"SELECT {ROW}, id FROM turns WHERE {where} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 -- no values
        rows = await self._read(sql, [*values, limit + 1])
        last = rows[limit - 1] if len(rows) > limit else None
        turns = [TurnRow.model_validate(dict(row)) for row in rows[:limit]]
        return TurnPage(turns=turns, next=f"{last['timestamp']!r}-{last['id']}" if last else None)

    async def get_record(self, request_id: str) -> TurnRecord | None:
        """Return the whole record of a turn."""
        sql = "SELECT body FROM records JOIN turns USING (id) WHERE request_id = ?"
        rows = await self._read(sql, [request_id])
        return TurnRecord.model_validate_json(rows[0]["body"]) if rows else None

    async def bodies(self, wanted: TurnFilter, limit: int, batch: int = 200) -> AsyncGenerator[list[str], None]:
        """Yield the records as JSON, newest first, in batches."""
        where, values = condition_of(wanted)
        at, row_id, left = float("inf"), 0, limit
        while left > 0:
            rows = await self._read(
                f"SELECT at, id, body FROM turns JOIN records USING (id) WHERE ({where}) AND (at, id) < (?, ?) "  # noqa: S608
                "ORDER BY at DESC, id DESC LIMIT ?",
                [*values, at, row_id, min(batch, left)],
            )
            if not rows:
                return
            yield [row["body"] for row in rows]
            at, row_id, left = rows[-1]["at"], rows[-1]["id"], left - len(rows)

    async def records_since(self, at: float) -> AsyncGenerator[list[TurnRecord], None]:
        """Yield all records from a Unix time on, newest first, in batches."""
        async for bodies in self.bodies(TurnFilter(since=at), self._max_turns):
            yield [TurnRecord.model_validate_json(body) for body in bodies]

    async def request_ids(self, since: float, batch: int = 200) -> AsyncGenerator[list[str], None]:
        """Yield the ids of all turns from a Unix time on, oldest first, in batches."""
        at, row_id = since, 0
        sql = "SELECT request_id, at, id FROM turns WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
        while rows := await self._read(sql, [at, row_id, batch]):
            yield [row["request_id"] for row in rows]
            at, row_id = rows[-1]["at"], rows[-1]["id"]

    async def choices(self) -> Choices:
        """Return the values that occur in the columns of the filters."""

        async def values(column: str) -> list[str]:
            sql = f"SELECT DISTINCT {column} AS value FROM turns ORDER BY 1"  # noqa: S608 -- our own names
            return [row["value"] for row in await self._read(sql, [])]

        return Choices(
            providers=await values("provider"),
            agent_types=await values("agent_type"),
            statuses=await values("status"),
            sources=await values("source"),
        )

    async def delete_expired(self) -> int:
        """Delete turns past their retention, and the oldest beyond the limit; return their number."""
        oldest = self._clock() - RETENTION_S
        return await self._writer.run(lambda connection: delete_expired(connection, oldest, self._max_turns))

    async def ping(self) -> None:
        """Raise `StorageError` when the file can't be read."""
        await self._read("SELECT 1", [])

    async def _read(self, sql: str, values: Sequence[str | float]) -> list[Any]:
        return await self._reader.run(lambda connection: connection.execute(sql, values).fetchall())
