"""Between a turn and the store of records: a turn never waits for it, and it outlasts a store that is away."""

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
    # every process that reports has a queue; most do without Redis' client, which takes a tenth of a second to import
    from convonet.records.store import RecordSink

log = structlog.get_logger(__name__)

MOST_WAITING = 2000
"""Some 10 MB. A voice replica with 200 callers makes ten records a second, so this is three minutes without a store."""

AT_ONCE = 50

GATHER_S = 0.4
"""Before records are written: a transaction costs a millisecond or two, whether it brings one record or ten."""

FIRST_RETRY_S = 0.2
LAST_RETRY_S = 5.0
LAST_CHANCE_S = 2.0


class RecordQueue:
    """Takes records at once and writes them in the background, in order. `close` it at the end."""

    def __init__(self, store: RecordSink, *, is_copy: bool = False, copy: RecordQueue | None = None) -> None:
        """With `is_copy` another queue keeps the same records for good: what is given up here is not lost.

        `copy` is that queue, seen from the other one: what it has written gets to `store` later, when that is back.
        """
        self._store = store
        self._is_copy = is_copy
        self._copy = copy
        self._hurry = asyncio.Event()
        self._gathers = False
        self._closing = self._closed = False
        self._waiting: dict[str, TurnRecord] = {}
        self._writing = BackgroundTasks()
        self.store_is_away = False
        """Whether the last attempt to write has failed."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, request_id: str) -> bool:
        """Whether this record waits."""
        return request_id in self._waiting

    def add(self, record: TurnRecord) -> None:
        """Take a record; returns at once, and never fails. After `close` it is lost."""
        if self._closed:
            self._lost(record.request_id, "the process has ended")
            return
        self._waiting[record.request_id] = record
        if len(self._waiting) > MOST_WAITING:
            lost = next(iter(self._waiting))
            del self._waiting[lost]
            self._give_up(lost, "too many wait")
        if not self._writing:
            self._writing.spawn(self._write_all(), own_context=True)

    def flush(self) -> bool:
        """Write at once what was being gathered; returns whether there was anything."""
        if self._gathers:
            self._hurry.set()
        return self._gathers

    async def close(self) -> None:
        """Write what is waiting, if the store takes it within a moment."""
        self._closing = True
        self._hurry.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_CHANCE_S):
                await self._writing.wait_all()
        self._closed = True
        for request_id in self._waiting:
            self._give_up(request_id, "the process ends")

    async def _write_all(self) -> None:
        wait = FIRST_RETRY_S
        await self._gather()
        while batch := list(islice(self._waiting.values(), AT_ONCE)):
            try:
                await self._write(batch)
            except StorageError as error:
                self.store_is_away = True
                log.warning("turn_records_wait", waiting=len(self._waiting), error=str(error))
                await self._pause(wait)
                wait = min(2 * wait, LAST_RETRY_S)
            else:
                self.store_is_away = False
                wait = FIRST_RETRY_S
                if 0 < len(self._waiting) < AT_ONCE:
                    await self._gather()

    async def _write(self, batch: Sequence[TurnRecord]) -> None:
        """One that can't be written must not keep the others from it. Raises `StorageError` when the store is away."""
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
            self._forget(batch)

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
            self._forget([record])

    async def _gather(self) -> None:
        if self._closing:
            return
        self._gathers = True
        try:
            await self._pause(GATHER_S)
        finally:
            self._gathers = False

    async def _pause(self, wait: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._hurry.wait()
        self._hurry.clear()

    def _give_up(self, request_id: str, why: str) -> None:
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

    def _forget(self, written: Sequence[TurnRecord]) -> None:
        for record in written:
            if self._waiting.get(record.request_id) is record:
                del self._waiting[record.request_id]
