"""The way of a process's turn records: to Redis when REDIS_URL is set, and to the monitor in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from actors.reporting import remote_monitor
from convonet.records.queue import RecordQueue
from convonet.records.record import TurnRecord
from convonet.records.store import RecordSink, RedisRecords
from convonet.settings import Settings


class TurnRecords:
    """Takes the records of this process and writes them in the background; `close` it at the end."""

    def __init__(self, settings: Settings) -> None:
        sinks: list[RecordSink] = [remote_monitor()]
        if settings.redis_url:
            sinks.append(RedisRecords(settings.redis_url.get_secret_value()))
        self._queues = [RecordQueue(sink) for sink in sinks]

    def add(self, record: TurnRecord) -> None:
        """Take a record; returns at once, and never fails."""
        for queue in self._queues:
            queue.add(record)

    def __len__(self) -> int:
        return max(len(queue) for queue in self._queues)

    @property
    def store_is_away(self) -> bool:
        """Whether one of them has not taken what it was given last."""
        return any(queue.store_is_away for queue in self._queues)

    def figures(self) -> Mapping[str, float]:
        """How many are not written yet."""
        return {"records_waiting": len(self)}

    async def close(self) -> None:
        """Write what is waiting, if it is taken within a moment."""
        await asyncio.gather(*(queue.close() for queue in self._queues))
