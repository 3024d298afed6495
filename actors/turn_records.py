"""The way of a process's turn records: to Redis when REDIS_URL is set, and to the monitor in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from convonet.monitor.reporter import Reporter
from convonet.records.queue import RecordQueue
from convonet.records.record import TurnRecord, serializable
from convonet.records.redis_records import RedisRecords
from convonet.settings.storage import StorageSettings


class TurnRecords:
    """Takes the records of this process and writes them in the background; `close` it at the end."""

    def __init__(self, settings: StorageSettings, reporter: Reporter) -> None:
        shown = reporter.record_queue(is_copy=bool(settings.redis_url))
        self._kept, self._shown = shown, None
        if settings.redis_url:
            redis = RedisRecords(settings.redis_url.get_secret_value())
            # the monitor gives Redis what it lacks
            self._kept, self._shown = RecordQueue(redis, copy=shown), shown

    def add(self, record: TurnRecord) -> None:
        """Take a record; returns at once, and never fails."""
        record = serializable(record)
        self._kept.add(record)
        if self._shown is not None:
            self._shown.add(record)

    def __len__(self) -> int:
        """How many are not kept for good yet."""
        return len(self._kept)

    @property
    def store_is_down(self) -> bool:
        """Whether the last attempt to keep some has failed."""
        return self._kept.store_is_down

    def gauges(self) -> Mapping[str, float]:
        """How many are not kept for good yet."""
        return {"records_waiting": len(self)}

    async def close(self) -> None:
        """Write what is waiting, if it is taken within a moment."""
        await asyncio.gather(*(queue.close() for queue in (self._kept, self._shown) if queue is not None))
