"""Synchronizes the monitor's file of turns with the records in Redis, in both directions; the monitor's host runs both.

A file that was lost is rebuilt from Redis. In the other direction, Redis gets the records of processes that ended while
it was down, and all records when it has lost its data.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import structlog

from convonet.core.errors import StorageError, StorageRefused
from convonet.monitor.stores import WatchedStore
from convonet.monitor.turn_index import TurnIndex
from convonet.records.record import TurnRecord
from convonet.records.redis_records import RETENTION_S, RedisRecords

log = structlog.get_logger(__name__)

BATCH_SIZE = 200
"""Records in one request to Redis: some 500 kB."""

RETRY_DELAY_S = 1.0

BACKFILL_INTERVAL_S = 3600.0
BACKFILL_DELAY_S = 10.0
"""Delay after Redis has recovered: by then, processes that are alive have written their records themselves."""

EXPIRY_MARGIN_S = 3600.0
"""Records that expire within this time are left out, since Redis may just have dropped them because of their age."""


class RedisSync:
    """Copies records between the file and Redis."""

    def __init__(
        self,
        index: TurnIndex,
        redis: RedisRecords,
        store: WatchedStore,
        add_turn: Callable[[TurnRecord], None],
        *,
        clock: Callable[[], float] = time.time,
        backfill_delay_s: float = BACKFILL_DELAY_S,
    ) -> None:
        """`store` gets the progress of the reading; `add_turn` gets each record that the file lacked."""
        self._index = index
        self._redis = redis
        self._store = store
        self._add_turn = add_turn
        self._clock = clock
        self._backfill_delay_s = backfill_delay_s
        # until Redis is read, an empty list of turns would be wrong
        store.progress = 0.0

    async def read_redis(self) -> None:
        """Copy what the file lacks, newest first, since supervisors mostly look for recent turns; retry until done."""
        while True:
            try:
                await self._read_all()
                break
            except StorageError as error:
                log.warning("records_not_read", error=str(error))
                await asyncio.sleep(RETRY_DELAY_S)
        self._store.progress = None

    async def backfill_redis(self) -> None:
        """Copy what Redis lacks: at the start, whenever Redis has recovered, and once an hour."""
        recovered = self._store.recovered
        while True:
            recovered.clear()
            try:
                if written := await self._backfill():
                    log.info("records_given_back", count=written)
            except StorageError as error:
                log.warning("records_not_given_back", error=str(error))
            else:
                # it may have been down for other processes only, or between two pings
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BACKFILL_INTERVAL_S):
                        await recovered.wait()
            await asyncio.sleep(self._backfill_delay_s)

    async def _read_all(self) -> None:
        await self._copy(await self._redis.recent_ids())
        offset, total = 0, max(1, await self._redis.count())
        while ids := await self._redis.newest_ids(offset, BATCH_SIZE):
            await self._copy(ids)
            offset += len(ids)
            self._store.progress = min(1.0, offset / total)

    async def _copy(self, ids: Sequence[str]) -> None:
        missing = await self._index.missing(ids)
        for first in range(0, len(missing), BATCH_SIZE):
            for record in await self._index.write(await self._redis.read(missing[first : first + BATCH_SIZE])):
                self._add_turn(record)

    async def _backfill(self) -> int:
        """Write the records that Redis lacks, oldest first; return their number. Raises `StorageError`."""
        written = 0
        async for ids in self._index.request_ids(self._clock() - RETENTION_S + EXPIRY_MARGIN_S):
            for request_id in await self._redis.missing_ids(ids):
                if (record := await self._index.get_record(request_id)) is None:
                    continue  # it has expired in the meantime
                try:
                    await self._redis.write([record])
                    written += 1
                except StorageRefused as error:
                    log.warning("turn_record_not_given_back", request_id=request_id, why=str(error))
        return written
