"""MonitorHost: holds what supervisors see; `deployments/monitor` serves it.

Reports come to it from all other processes, with turn records; pages follow it. It can be lost at any time: the parts
then tell a new one everything, and past turns are in its file or in Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

import structlog

from actors.cluster import Cluster
from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError, StorageRefused
from convonet.monitor.board import Board
from convonet.monitor.give_back import give_back
from convonet.monitor.messages import (
    MonitorLines,
    MonitorSnapshot,
    MonitorUpdate,
    Now,
    Today,
    TurnRow,
)
from convonet.monitor.reports import Attention, Report, Taken
from convonet.monitor.stores import WatchedStore
from convonet.monitor.today import TodaysTurns
from convonet.monitor.turn_index import TurnIndex
from convonet.monitor.turn_table import row_of
from convonet.monitor.viewer import Viewer
from convonet.records.record import TurnRecord
from convonet.records.store import RedisRecords

log = structlog.get_logger(__name__)

PUSH_EVERY_S = 0.25
NOW_EVERY_S = 1.0
"""While no report comes, or nobody looks: how long each part has been silent changes by itself."""

TODAY_EVERY_S = 2.0
"""These numbers change all the time; a person reads them no faster."""

TIDY_EVERY_S = 3600.0

READ_AT_ONCE = 200
"""Records of one call to Redis: some 500 kB."""

FILL_EVERY_S = 3600.0
SETTLES_S = 10.0
"""After Redis is back: by then the processes that have made records while it was away have written them themselves."""

BEGIN_AGAIN_S = 2.0
"""Before work that has crashed is begun again."""

WRITE_S = 1.5
"""For the records of a report; who sends them waits twice as long for an answer."""

MOST_NEW_TURNS = 200
"""Turns that a page may be behind before it has to ask for the list again."""


class MonitorHost:
    """One per cluster. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        index: TurnIndex,
        today: TodaysTurns,
        stores: Sequence[WatchedStore],
        redis: RedisRecords | None,
        cluster: Cluster,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """The first of `stores` is that of the records. A cluster that was replaced sends its pages away."""
        self.index = index
        self._today = today
        self._stores = stores
        self._redis = redis
        self._cluster = cluster
        self._clock = clock
        self._board = Board()
        self._new_turns: deque[tuple[int, TurnRow]] = deque(maxlen=MOST_NEW_TURNS)
        self._turns = 0
        self._viewers: set[Viewer] = set()
        self._now: Now
        self._today_view: Today
        self._tasks = BackgroundTasks()

    async def start(self) -> None:
        """Open the file, count today's turns, and begin to read what only Redis has."""
        self._cluster.on_change(lambda _: self._wake_viewers())
        await self.index.open()
        now = self._clock()
        self._today.at(now)
        self._board.new_day(self._today.midnight(now))
        async for records in self.index.since(self._today.midnight(now)):
            for record in records:
                self._today.add(record)
        self._look()
        self._today_view = self._today.view()
        if self._redis is not None:
            # until it is read, an empty list is not the truth
            self._stores[0].progress = 0.0
        redis = (self._read_redis, self._fill_redis)
        for work in (self._push, self._tidy, *redis, *(store.watch for store in self._stores)):
            self._tasks.spawn(self._keep_up(work), own_context=True)

    async def stop(self) -> None:
        """Close the file."""
        await self._tasks.cancel_and_wait()
        await self.index.close()

    # -- from the other processes

    async def report(self, report: Report) -> Taken:
        """What a process says of itself and its calls, and turns that are over."""
        if not self._board.take(report, self._clock()):
            attention = Attention.TELL_ALL
        else:
            attention = Attention.WATCHED if self._viewers else Attention.UNWATCHED
        not_kept, refused = "", False
        try:
            await self._keep(report.records)
        except StorageError as error:
            not_kept, refused = str(error), isinstance(error, StorageRefused)
        return Taken(attention, not_kept, refused, self._board.with_room_besides(report.replica, self._clock()))

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """Keep turn records. Raises `StorageError`, and `StorageRefused` when one can't be kept."""
        # what is written must be counted too, also when who sent it does not wait any longer
        await asyncio.shield(self._tasks.spawn(self._write(records), own_context=True))

    async def _keep(self, records: Sequence[TurnRecord]) -> None:
        if not records:
            return
        try:
            async with asyncio.timeout(WRITE_S):
                await self.write(records)
        except StorageError:
            raise
        except TimeoutError:
            raise StorageError("the file of turns takes too long") from None
        except (ValueError, TypeError, ArithmeticError) as error:
            # one of them is to blame
            log.exception("turn_not_kept")
            raise StorageRefused(f"the monitor can't keep it: {type(error).__name__}") from error

    async def _write(self, records: Sequence[TurnRecord]) -> None:
        new = await self.index.write(records)
        self._today.at(self._clock())
        for record in new:
            self._today.add(record)
            self._turns += 1
            self._new_turns.append((self._turns, row_of(record)))

    # -- to the pages

    async def follow(
        self, viewer: Viewer, staff_name: str
    ) -> AsyncGenerator[MonitorSnapshot | MonitorUpdate | MonitorLines, None]:
        """Everything, then what changes, for as long as the page is there; nothing when it has to go elsewhere."""
        if not await self._cluster.register_client():
            return
        self._viewers.add(viewer)
        viewer.board, viewer.turns = self._board.version, self._turns
        viewer.now, viewer.today = self._now, self._today_view
        try:
            calls = self._board.calls()
            yield MonitorSnapshot(staff_name=staff_name, now=self._now, today=self._today_view, calls=calls)
            while not self._cluster.is_replaced:
                await viewer.wait()
                update = self._update(viewer)
                if update != MonitorUpdate():
                    yield update
                if (lines := self._lines(viewer)) is not None:
                    yield lines
        finally:
            self._viewers.discard(viewer)

    def _wake_viewers(self) -> None:
        for viewer in self._viewers:
            viewer.wake()

    def _update(self, viewer: Viewer) -> MonitorUpdate:
        update = MonitorUpdate(
            now=self._now if viewer.now is not self._now else None,
            today=self._today_view if viewer.today is not self._today_view else None,
            calls=self._board.calls(viewer.board),
            ended=self._board.ended(viewer.board),
            turns=[row for number, row in self._new_turns if number > viewer.turns],
        )
        viewer.board, viewer.turns = self._board.version, self._turns
        viewer.now, viewer.today = self._now, self._today_view
        return update

    def _lines(self, viewer: Viewer) -> MonitorLines | None:
        if viewer.session_id is None or (lines := self._board.lines(viewer.session_id)) is None:
            # what a page shows of a call that is not known stays there: a new monitor has not heard of it yet
            return None
        return viewer.news_of(viewer.session_id, lines)

    # -- what goes on by itself

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        now_at = today_at = loop.time()
        pushed = (-1, -1)
        while True:
            await asyncio.sleep(PUSH_EVERY_S if self._viewers else NOW_EVERY_S)
            is_news = bool(self._viewers) and self._board.version != pushed[0]
            if is_news or loop.time() - now_at >= NOW_EVERY_S:
                now_at = loop.time()
                self._look()
            if loop.time() - today_at >= TODAY_EVERY_S:
                today_at = loop.time()
                self._count()
            news = (self._board.version, self._turns)
            for viewer in self._viewers:
                if news != pushed or viewer.has_other_news(self._now, self._today_view):
                    viewer.wake()
            pushed = news

    def _look(self) -> None:
        at = self._clock()
        self._board.tidy(at)
        waiting = int(self._board.total("records_waiting", at))
        records, *others = self._stores
        views = [records.view(waiting), *(store.view() for store in others)]
        self._now = self._board.now(at, views)

    def _count(self) -> None:
        date = self._today_view.date
        self._today.at(self._clock())
        view = self._today.view()
        if view != self._today_view:
            self._today_view = view
        if view.date != date:
            self._board.new_day(self._today.midnight(self._clock()))

    async def _tidy(self) -> None:
        while True:
            try:
                await self.index.forget_old()
            except StorageError as error:
                log.warning("turns_not_tidied", error=str(error))
            await asyncio.sleep(TIDY_EVERY_S)

    async def _read_redis(self) -> None:
        """Bring the file up to date with Redis: newest first, so that what a supervisor looks for is there soon."""
        if self._redis is None:
            return
        records = self._stores[0]
        while True:
            try:
                await self._read_all(self._redis, records)
                break
            except StorageError as error:
                log.warning("records_not_read", error=str(error))
                await asyncio.sleep(NOW_EVERY_S)
        records.progress = None

    async def _read_all(self, redis: RedisRecords, store: WatchedStore) -> None:
        await self._copy(redis, await redis.listed())
        offset, total = 0, max(1, await redis.count())
        while ids := await redis.newest(offset, READ_AT_ONCE):
            await self._copy(redis, ids)
            offset += len(ids)
            store.progress = min(1.0, offset / total)

    async def _copy(self, redis: RedisRecords, ids: Sequence[str]) -> None:
        missing = await self.index.unknown(ids)
        for first in range(0, len(missing), READ_AT_ONCE):
            for record in await self.index.write(await redis.read(missing[first : first + READ_AT_ONCE])):
                self._today.add(record)

    async def _fill_redis(self) -> None:
        """Give Redis what only the file has: at the start, whenever it has been away, and once an hour."""
        if self._redis is None:
            return
        came_back = self._stores[0].came_back
        while True:
            came_back.clear()
            try:
                if given := await give_back(self.index, self._redis, self._clock()):
                    log.info("records_given_back", count=given)
            except StorageError as error:
                log.warning("records_not_given_back", error=str(error))
            else:
                # it may have been away for others only, or for less time than between two looks
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FILL_EVERY_S):
                        await came_back.wait()
            await asyncio.sleep(SETTLES_S)

    async def _keep_up(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                await work()
                return
            except Exception:
                # the top of a task that nobody waits for: it goes on, and the log says what was in the way
                log.exception("monitor_work_crashed", work=work.__qualname__)
                await asyncio.sleep(BEGIN_AGAIN_S)
