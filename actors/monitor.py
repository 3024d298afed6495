"""MonitorHost: the live state that supervisors see; `deployments/monitor` serves it.

All other processes send it reports and turn records, and supervisors' pages follow it. It can be lost at any time: the
processes then send complete reports to the new one, and past turns are in its file or in Redis.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

import structlog

from actors.cluster import Cluster
from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError, StorageRefused
from convonet.monitor.board import Board
from convonet.monitor.messages import (
    MonitorLines,
    MonitorSnapshot,
    MonitorUpdate,
    Now,
    Today,
    TurnRow,
)
from convonet.monitor.redis_sync import BACKFILL_DELAY_S, RedisSync
from convonet.monitor.reports import Attention, Report, ReportAnswer
from convonet.monitor.stores import WatchedStore
from convonet.monitor.today import TodaysTurns
from convonet.monitor.turn_index import TurnIndex
from convonet.monitor.turn_table import row_of
from convonet.monitor.viewer import Viewer
from convonet.records.record import TurnRecord
from convonet.records.redis_records import RedisRecords

log = structlog.get_logger(__name__)

PUSH_INTERVAL_S = 0.25
GAUGES_INTERVAL_S = 1.0
"""While no report comes, or no page is open. Each component's time since its last report grows even then."""

TOTALS_INTERVAL_S = 2.0
"""Today's totals change all the time; a person reads them no faster."""

EXPIRY_INTERVAL_S = 3600.0

RESTART_DELAY_S = 2.0
"""Delay before a background task that has crashed starts again."""

WRITE_TIMEOUT_S = 1.5
"""For the records of a report; the process that sends it waits twice as long for the answer."""

MAX_NEW_TURNS = 200
"""Turns that a page may be behind before it has to load the list again."""


class MonitorHost:
    """The live state of one cluster. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        index: TurnIndex,
        today: TodaysTurns,
        stores: Sequence[WatchedStore],
        redis: RedisRecords | None,
        cluster: Cluster,
        clock: Callable[[], float] = time.time,
        *,
        restart_delay_s: float = RESTART_DELAY_S,
        write_timeout_s: float = WRITE_TIMEOUT_S,
        backfill_delay_s: float = BACKFILL_DELAY_S,
    ) -> None:
        """The first of `stores` has the records. When `cluster` is replaced, its pages move to the other one."""
        self.index = index
        self._today = today
        self._stores = stores
        self._cluster = cluster
        self._clock = clock
        self._restart_delay_s = restart_delay_s
        self._write_timeout_s = write_timeout_s
        self._redis_sync = (
            RedisSync(index, redis, stores[0], today.add_turn, clock=clock, backfill_delay_s=backfill_delay_s)
            if redis is not None
            else None
        )
        self._board = Board()
        self._new_turns: deque[tuple[int, TurnRow]] = deque(maxlen=MAX_NEW_TURNS)
        self._turn_count = 0
        self._viewers: set[Viewer] = set()
        self._now: Now
        self._today_totals: Today
        self._tasks = BackgroundTasks()

    async def start(self) -> None:
        """Open the file, count today's turns, and start the background tasks."""
        self._cluster.on_change(lambda _: self._notify_viewers())
        await self.index.open()
        now = self._clock()
        self._today.roll_over(now)
        self._board.new_day(self._today.midnight(now))
        async for records in self.index.records_since(self._today.midnight(now)):
            for record in records:
                self._today.add_turn(record)
        self._update_gauges()
        self._today_totals = self._today.view()
        sync = (self._redis_sync.read_redis, self._redis_sync.backfill_redis) if self._redis_sync is not None else ()
        for work in (self._push, self._delete_expired, *sync, *(store.watch for store in self._stores)):
            self._tasks.spawn(self._keep_running(work), own_context=True)

    async def stop(self) -> None:
        """Stop the background tasks and close the file."""
        await self._tasks.cancel_and_wait()
        await self.index.close()

    # -- from the other processes

    async def report(self, report: Report) -> ReportAnswer:
        """Apply the report of a process and store its turn records."""
        if not self._board.apply(report, self._clock()):
            attention = Attention.SEND_ALL
        else:
            attention = Attention.WATCHED if self._viewers else Attention.UNWATCHED
        write_error, refused = "", False
        try:
            await self._store_records(report.records)
        except StorageError as error:
            write_error, refused = str(error), isinstance(error, StorageRefused)
        others_with_room = self._board.others_with_room(report.replica, self._clock())
        return ReportAnswer(attention, write_error, refused, others_with_room)

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """Store turn records. Raises `StorageError`, and `StorageRefused` when one can't be stored."""
        # records that are written must be counted too, even when their sender has given up
        await asyncio.shield(self._tasks.spawn(self._write(records), own_context=True))

    async def _store_records(self, records: Sequence[TurnRecord]) -> None:
        if not records:
            return
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await self.write(records)
        except StorageError:
            raise
        except TimeoutError:
            raise StorageError("the file of turns takes too long") from None
        except (ValueError, TypeError, ArithmeticError) as error:
            # a fault in one of the records
            log.exception("turn_not_kept")
            raise StorageRefused(f"the monitor can't keep it: {type(error).__name__}") from error

    async def _write(self, records: Sequence[TurnRecord]) -> None:
        new = await self.index.write(records)
        self._today.roll_over(self._clock())
        for record in new:
            self._today.add_turn(record)
            self._turn_count += 1
            self._new_turns.append((self._turn_count, row_of(record)))

    # -- to the pages

    async def follow(
        self, viewer: Viewer, staff_name: str
    ) -> AsyncGenerator[MonitorSnapshot | MonitorUpdate | MonitorLines, None]:
        """Yield the whole state, then its changes; nothing when the page belongs to another cluster."""
        if not await self._cluster.register_client():
            return
        self._viewers.add(viewer)
        viewer.board_version, viewer.turn_count = self._board.version, self._turn_count
        viewer.now, viewer.today = self._now, self._today_totals
        try:
            calls = self._board.calls()
            yield MonitorSnapshot(staff_name=staff_name, now=self._now, today=self._today_totals, calls=calls)
            while not self._cluster.is_replaced:
                await viewer.wait_for_changes()
                update = self._update(viewer)
                if update != MonitorUpdate():
                    yield update
                if (entries := self._new_entries(viewer)) is not None:
                    yield entries
        finally:
            self._viewers.discard(viewer)

    def _notify_viewers(self) -> None:
        for viewer in self._viewers:
            viewer.notify()

    def _update(self, viewer: Viewer) -> MonitorUpdate:
        update = MonitorUpdate(
            now=self._now if viewer.now is not self._now else None,
            today=self._today_totals if viewer.today is not self._today_totals else None,
            calls=self._board.calls(viewer.board_version),
            ended=self._board.ended(viewer.board_version),
            turns=[row for number, row in self._new_turns if number > viewer.turn_count],
        )
        viewer.board_version, viewer.turn_count = self._board.version, self._turn_count
        viewer.now, viewer.today = self._now, self._today_totals
        return update

    def _new_entries(self, viewer: Viewer) -> MonitorLines | None:
        if viewer.session_id is None or (entries := self._board.transcript(viewer.session_id)) is None:
            # the page keeps its transcript of a call that a new monitor has no report of yet
            return None
        return viewer.new_entries(viewer.session_id, entries)

    # -- background tasks

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        gauges_at = totals_at = loop.time()
        pushed = (-1, -1)
        while True:
            await asyncio.sleep(PUSH_INTERVAL_S if self._viewers else GAUGES_INTERVAL_S)
            has_changed = bool(self._viewers) and self._board.version != pushed[0]
            if has_changed or loop.time() - gauges_at >= GAUGES_INTERVAL_S:
                gauges_at = loop.time()
                self._update_gauges()
            if loop.time() - totals_at >= TOTALS_INTERVAL_S:
                totals_at = loop.time()
                self._update_totals()
            version = (self._board.version, self._turn_count)
            for viewer in self._viewers:
                if version != pushed or viewer.is_behind(self._now, self._today_totals):
                    viewer.notify()
            pushed = version

    def _update_gauges(self) -> None:
        at = self._clock()
        self._board.drop_stale(at)
        waiting = int(self._board.total("records_waiting", at))
        records, *others = self._stores
        views = [records.view(waiting), *(store.view() for store in others)]
        self._now = self._board.now(at, views)

    def _update_totals(self) -> None:
        date = self._today_totals.date
        self._today.roll_over(self._clock())
        view = self._today.view()
        if view != self._today_totals:
            self._today_totals = view
        if view.date != date:
            self._board.new_day(self._today.midnight(self._clock()))

    async def _delete_expired(self) -> None:
        while True:
            try:
                await self.index.delete_expired()
            except StorageError as error:
                log.warning("turns_not_tidied", error=str(error))
            await asyncio.sleep(EXPIRY_INTERVAL_S)

    async def _keep_running(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                await work()
                return
            except Exception:
                # the top of a task that nobody awaits: it starts again, and the log has the reason
                log.exception("monitor_work_crashed", work=work.__qualname__)
                await asyncio.sleep(self._restart_delay_s)
