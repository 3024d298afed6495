"""A monitor's host in this process, with its file in a folder of the test, and processes that report to it."""

import asyncio
import time
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from actors.cluster import Cluster
from actors.monitor import MonitorHost
from convonet.core.errors import StorageError
from convonet.monitor.stores import WatchedStore
from convonet.monitor.today import TodaysTurns
from convonet.monitor.turn_filter import TurnFilter
from convonet.monitor.turn_index import TurnIndex
from tests.monitor.conftest import turn


@asynccontextmanager
async def monitor(folder, redis=None, cluster=None, **delays):
    index = TurnIndex(folder / "turns.db")
    kind, ping = ("redis", redis.ping) if redis else ("embedded", index.ping)
    today, stores = TodaysTurns(ZoneInfo("UTC"), {}, "USD"), [WatchedStore("records", kind, ping)]
    host = MonitorHost(index, today, stores, redis, cluster or Cluster("only", None), **delays)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


def now_turn(number, **changes):
    return turn(number, timestamp=time.time() + number / 1000, **changes)


class OneProcess:
    """`MonitorPort` on a host in this process, which may be down."""

    def __init__(self):
        self.host = None
        self.reports = []
        self.delay_s = 0.0

    async def report(self, report):
        if self.host is None:
            raise StorageError("down")
        self.reports.append(report)
        await asyncio.sleep(self.delay_s)
        return await self.host.report(report)


@asynccontextmanager
async def reporting(reporter):
    reporter.start()
    try:
        yield
    finally:
        await reporter.close()


async def stored(host):
    """The number of turns in its file."""
    return len((await host.index.page(TurnFilter(), None, 100)).turns)


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.05)
