"""Every turn of the last week, found by words and by what it was: a SQLite file beside the embedded database.

Without Redis this file is where the records are kept. With Redis it is a copy, made anew from Redis when it is lost, so
that no question of a supervisor ever costs Redis more than a turn's own write.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from convonet.monitor.messages import Choices, TurnPage, TurnRow
from convonet.monitor.turn_filter import TurnFilter, condition_of
from convonet.monitor.turn_table import MOST_KEPT, ROW, SCHEMA, forget, known_of, put_all
from convonet.records.record import TurnRecord
from convonet.records.store import RETENTION_S
from convonet.storage.sqlite_thread import SqliteThread


class TurnIndex:
    """One per monitor. `open` it before use and `close` it at the end. Methods raise `StorageError`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        # searches must not wait for writes, nor writes for an export
        self._writer = SqliteThread(path)
        self._reader = SqliteThread(path)

    async def open(self) -> None:
        """Open the file, or make it."""
        await self._writer.run(lambda connection: connection.executescript(SCHEMA))

    async def close(self) -> None:
        """Close the file."""
        await self._writer.close()
        await self._reader.close()

    async def write(self, records: Sequence[TurnRecord]) -> list[TurnRecord]:
        """Keep the records; returns those that were not there before. One that was there is replaced."""
        known = await self._writer.run(lambda connection: put_all(connection, records))
        return [record for record in records if record.request_id not in known]

    async def unknown(self, request_ids: Sequence[str]) -> list[str]:
        """Those of these ids of which nothing is kept, in the same order."""
        known = await self._reader.run(lambda connection: known_of(connection, request_ids))
        return [request_id for request_id in request_ids if request_id not in known]

    async def page(self, wanted: TurnFilter, cursor: str | None, limit: int) -> TurnPage:
        """The newest turns that are wanted, or those after `cursor`. Raises `ValueError` for a cursor of nobody's."""
        where, values = condition_of(wanted)
        if cursor is not None:
            at, _, number = cursor.partition("-")
            where, values = f"({where}) AND (at, id) < (?, ?)", [*values, float(at), int(number)]
        sql = f"SELECT {ROW}, id FROM turns WHERE {where} ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 -- no values
        rows = await self._read(sql, [*values, limit + 1])
        last = rows[limit - 1] if len(rows) > limit else None
        turns = [TurnRow.model_validate(dict(row)) for row in rows[:limit]]
        return TurnPage(turns=turns, next=f"{last['timestamp']!r}-{last['id']}" if last else None)

    async def get(self, request_id: str) -> TurnRecord | None:
        """The whole record."""
        sql = "SELECT body FROM records JOIN turns USING (id) WHERE request_id = ?"
        rows = await self._read(sql, [request_id])
        return TurnRecord.model_validate_json(rows[0]["body"]) if rows else None

    async def bodies(self, wanted: TurnFilter, limit: int, batch: int = 200) -> AsyncGenerator[list[str], None]:
        """The whole records as JSON, newest first, some at a time."""
        where, values = condition_of(wanted)
        at, number, left = float("inf"), 0, limit
        while left > 0:
            rows = await self._read(
                f"SELECT at, id, body FROM turns JOIN records USING (id) WHERE ({where}) AND (at, id) < (?, ?) "  # noqa: S608
                "ORDER BY at DESC, id DESC LIMIT ?",
                [*values, at, number, min(batch, left)],
            )
            if not rows:
                return
            yield [row["body"] for row in rows]
            at, number, left = rows[-1]["at"], rows[-1]["id"], left - len(rows)

    async def since(self, at: float) -> AsyncGenerator[list[TurnRecord], None]:
        """All records from that moment on, some at a time."""
        async for bodies in self.bodies(TurnFilter(since=at), MOST_KEPT):
            yield [TurnRecord.model_validate_json(body) for body in bodies]

    async def ids(self, since: float, batch: int = 200) -> AsyncGenerator[list[str], None]:
        """The ids of all turns from that moment on, oldest first, some at a time."""
        at, number = since, 0
        sql = "SELECT request_id, at, id FROM turns WHERE (at, id) > (?, ?) ORDER BY at, id LIMIT ?"
        while rows := await self._read(sql, [at, number, batch]):
            yield [row["request_id"] for row in rows]
            at, number = rows[-1]["at"], rows[-1]["id"]

    async def choices(self) -> Choices:
        """The values that occur."""

        async def values(column: str) -> list[str]:
            sql = f"SELECT DISTINCT {column} AS value FROM turns ORDER BY 1"  # noqa: S608 -- our own names
            return [row["value"] for row in await self._read(sql, [])]

        return Choices(
            providers=await values("provider"),
            agent_types=await values("agent_type"),
            statuses=await values("status"),
            sources=await values("source"),
        )

    async def forget_old(self) -> int:
        """Remove what is older than a week, and the oldest beyond the limit; returns how many."""
        oldest = self._clock() - RETENTION_S
        return await self._writer.run(lambda connection: forget(connection, oldest))

    async def ping(self) -> None:
        """Raises `StorageError` when the file can't be read."""
        await self._read("SELECT 1", [])

    async def _read(self, sql: str, values: Sequence[str | float]) -> list[Any]:
        return await self._reader.run(lambda connection: connection.execute(sql, values).fetchall())
