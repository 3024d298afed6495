"""What a replica of any part needs to be seen: its reports to the monitor, and the way of its turn records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ray import serve

from actors.remote_monitor import RemoteMonitor
from convonet.monitor.live_calls import LiveCalls
from convonet.monitor.messages import PartName
from convonet.monitor.reporter import Figures, Reporter
from convonet.records.queue import RecordQueue
from convonet.records.record import TurnRecord
from convonet.records.store import RecordSink, RedisRecords
from convonet.settings import Settings


def remote_monitor() -> RemoteMonitor:
    """The monitor; it is deployed at the same time as everything else and may not exist yet."""
    return RemoteMonitor(serve.get_deployment_handle("Monitor", "agent-monitor", _check_exists=False))


def replica_name() -> str:
    """How this replica is called."""
    return serve.get_replica_context().replica_id.unique_id


class Reporting:
    """The reports of this process, from its creation to `close`. Made inside a running event loop."""

    def __init__(self, part: PartName, figures: Figures, calls: LiveCalls | None = None) -> None:
        self._reporter = Reporter(part, replica_name(), remote_monitor(), figures, calls)
        self._task = asyncio.create_task(self._reporter.run())

    async def close(self) -> None:
        """Say goodbye."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._reporter.say_goodbye()


class TurnRecords:
    """Where the records of this process go: to Redis when REDIS_URL is set, and to the monitor in any case."""

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
