"""Sends a process's turn records to Redis when REDIS_URL is set, and to the monitor in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from convonet.monitor.reporter import Reporter
from convonet.records.queue import RecordQueue
from convonet.records.record import TurnRecord, serializable
from convonet.records.redis_records import RedisRecords
from convonet.settings.storage import StorageSettings


class TurnRecords:
    """Queues the records of this process and writes them in the background; `close` it at the end."""

    def __init__(self, settings: StorageSettings, reporter: Reporter) -> None:
        to_monitor = reporter.record_queue(is_copy=bool(settings.redis_url))
        self._durable, self._monitor_copy = to_monitor, None
        if settings.redis_url:
            redis = RedisRecords(settings.redis_url.get_secret_value())
            # the monitor gives Redis what it lacks
            self._durable, self._monitor_copy = RecordQueue(redis, copy=to_monitor), to_monitor

    def add(self, record: TurnRecord) -> None:
        """Queue a record. Returns at once and never fails."""
        record = serializable(record)
        self._durable.add(record)
        if self._monitor_copy is not None:
            self._monitor_copy.add(record)

    def __len__(self) -> int:
        """Return the number of records that are not stored durably yet."""
        return len(self._durable)

    @property
    def store_is_down(self) -> bool:
        """True if the last attempt to store records failed."""
        return self._durable.store_is_down

    def gauges(self) -> Mapping[str, float]:
        """Return the number of records that are not stored durably yet, for the monitor."""
        return {"records_waiting": len(self)}

    async def close(self) -> None:
        """Write the waiting records, if their stores accept them within a moment."""
        await asyncio.gather(*(queue.close() for queue in (self._durable, self._monitor_copy) if queue is not None))
