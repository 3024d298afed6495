"""The queue between turns and the store of records: no turn waits for it, and it outlasts a store that is down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError, StorageRefused
from convonet.metrics.definitions import RECORDS_LOST
from convonet.metrics.recorder import metrics
from convonet.records.record import TurnRecord

if TYPE_CHECKING:
    # most processes with a queue do not need the Redis client, which takes a tenth of a second to import
    from convonet.records.redis_records import RecordSink

log = structlog.get_logger(__name__)

MAX_WAITING = 2000
"""Some 10 MB. A voice replica with 200 callers makes ten records a second, so the store may be down three minutes."""

BATCH_SIZE = 50

GATHER_DELAY_S = 0.4
"""Delay before a batch is written: a transaction costs a millisecond or two, whether with one record or ten."""

MIN_RETRY_DELAY_S = 0.2
MAX_RETRY_DELAY_S = 5.0
CLOSE_TIMEOUT_S = 2.0


class RecordQueue:
    """Accepts records without waiting and writes them in the background, in order. `close` it at the end."""

    def __init__(
        self,
        store: RecordSink,
        *,
        is_copy: bool = False,
        copy: RecordQueue | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Create a queue.

        Args:
            store: The store to write to.
            is_copy: Another queue writes the same records to a permanent store, so a record dropped here is not lost.
            copy: The queue that writes copies of these records. What it has written gets to `store` when that is back.
            max_waiting: Records that may wait; then the oldest is dropped.
        """
        self._store = store
        self._is_copy = is_copy
        self._copy = copy
        self._max_waiting = max_waiting
        self._write_now = asyncio.Event()
        self._is_gathering = False
        self._closing = self._closed = False
        self._waiting: dict[str, TurnRecord] = {}
        self._writing = BackgroundTasks()
        self.store_is_down = False
        """Whether the last write failed."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, request_id: str) -> bool:
        """Whether this record is waiting."""
        return request_id in self._waiting

    def add(self, record: TurnRecord) -> None:
        """Queue a record; never waits and never fails. After `close` the record is lost."""
        if self._closed:
            self._lost(record.request_id, "the process has ended")
            return
        self._waiting[record.request_id] = record
        if len(self._waiting) > self._max_waiting:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            self._drop(oldest, "too many wait")
        if not self._writing:
            self._writing.spawn(self._write_all(), own_context=True)

    def flush(self) -> bool:
        """Write the records that are being gathered now; returns whether there are any."""
        if self._is_gathering:
            self._write_now.set()
        return self._is_gathering

    async def close(self) -> None:
        """Write what is waiting, within `CLOSE_TIMEOUT_S`."""
        self._closing = True
        self._write_now.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writing.wait_all()
        self._closed = True
        for request_id in self._waiting:
            self._drop(request_id, "the process ends")

    async def _write_all(self) -> None:
        wait = MIN_RETRY_DELAY_S
        await self._gather()
        while batch := list(islice(self._waiting.values(), BATCH_SIZE)):
            try:
                await self._write(batch)
            except StorageError as error:
                self.store_is_down = True
                log.warning("turn_records_wait", waiting=len(self._waiting), error=str(error))
                await self._pause(wait)
                wait = min(2 * wait, MAX_RETRY_DELAY_S)
            else:
                self.store_is_down = False
                wait = MIN_RETRY_DELAY_S
                if 0 < len(self._waiting) < BATCH_SIZE:
                    await self._gather()

    async def _write(self, batch: Sequence[TurnRecord]) -> None:
        """Write a batch, without any invalid records. Raises `StorageError` when the store is down."""
        try:
            await self._store.write(batch)
        except StorageRefused:
            await self._write_each(batch)
        except StorageError:
            raise
        except Exception:
            log.exception("turn_records_not_writable")
            await self._write_each(batch)
        else:
            self._remove(batch)

    async def _write_each(self, batch: Sequence[TurnRecord]) -> None:
        for record in batch:
            try:
                await self._store.write([record])
            except StorageRefused as error:
                self._lost(record.request_id, str(error))
            except StorageError:
                raise
            except Exception as error:
                log.exception("turn_record_not_writable", request_id=record.request_id)
                self._lost(record.request_id, type(error).__name__)
            self._remove([record])

    async def _gather(self) -> None:
        if self._closing:
            return
        self._is_gathering = True
        try:
            await self._pause(GATHER_DELAY_S)
        finally:
            self._is_gathering = False

    async def _pause(self, wait: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._write_now.wait()
        self._write_now.clear()

    def _drop(self, request_id: str, why: str) -> None:
        if self._copy is not None and request_id not in self._copy:
            log.warning("turn_record_left_to_copy", request_id=request_id, why=why)
            return
        self._lost(request_id, why)

    def _lost(self, request_id: str, why: str) -> None:
        if self._is_copy:
            log.warning("turn_record_not_shown", request_id=request_id, why=why)
            return
        metrics.count(RECORDS_LOST)
        log.error("turn_record_lost", request_id=request_id, why=why)

    def _remove(self, written: Sequence[TurnRecord]) -> None:
        for record in written:
            if self._waiting.get(record.request_id) is record:
                del self._waiting[record.request_id]
