"""Reports of this process to the monitor: its gauges, the changes of its calls, and the turns that have ended.

Every replica runs one reporter. While the monitor is down nothing is lost: the next report makes up for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError, StorageRefused
from convonet.monitor.reports import Attention, CallReport, Report, ReportAnswer
from convonet.records.queue import RecordQueue

if TYPE_CHECKING:
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import ComponentName
    from convonet.records.record import TurnRecord

log = structlog.get_logger(__name__)

WATCHED_INTERVAL_S = 0.5
"""Interval between reports of changes while a supervisor has the page open: they are on the screen within a second."""

UNWATCHED_INTERVAL_S = 2.0
"""Interval between reports of changes otherwise, and between checks for changes. The answer to a report says when a
supervisor opens the page."""

UNCHANGED_INTERVAL_S = 4.0
"""Interval between reports without changes: there are many replicas, and each report wakes two processes."""

URGENT = ("queue.", "hand_overs.", "desks.", "refusals")
"""Prefixes of the gauges whose changes don't wait for `UNCHANGED_INTERVAL_S`."""

LAST_REPORT_TIMEOUT_S = 1.0

ReadGauges = Callable[[], Mapping[str, float]]
"""Reads a component's own gauges by name; those that are counts never decrease."""


class MonitorPort(Protocol):
    """The monitor, seen from a process that reports."""

    async def report(self, report: Report) -> ReportAnswer:
        """Send a report; the one before has been answered. Raises `StorageError` when the monitor is unavailable."""
        ...


class Reporter:
    """The reports of one process; `start` it, and `close` it at the end."""

    def __init__(
        self,
        component: ComponentName,
        replica: str,
        monitor: MonitorPort,
        read_gauges: ReadGauges,
        calls: LiveCalls | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._component = component
        self._replica = replica
        self._monitor = monitor
        self._read_gauges = read_gauges
        self._calls = calls
        self._since = clock()
        self._attention = Attention.SEND_ALL
        self.others_with_room = 0
        """Number of other replicas that would admit a new caller, by the monitor's last answer."""
        self._sent_at = 0.0
        self._sent_urgent: Mapping[str, float] = {}
        self._gauges_fail = False
        self._sending = asyncio.Lock()
        self._tasks = BackgroundTasks()
        self._records: RecordQueue | None = None

    def start(self) -> None:
        """Report from now on, until `close`."""
        self._tasks.spawn(self._run())

    def record_queue(self, *, is_copy: bool) -> RecordQueue:
        """Create the queue that sends turn records with the reports; its owner closes it."""
        self._records = RecordQueue(self, is_copy=is_copy)
        return self._records

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordSink.write`."""
        await self._send(tuple(records))

    async def close(self) -> None:
        """Stop reporting, and report that this process stops."""
        await self._tasks.cancel_and_wait()
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(LAST_REPORT_TIMEOUT_S), self._sending:
                await self._monitor.report(self._report(ended=True))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            idle_s, interval_s = loop.time() - self._sent_at, self._check_interval_s()
            await asyncio.sleep(interval_s - idle_s if idle_s < interval_s else interval_s)
            if self._sending.locked() or loop.time() - self._sent_at < self._min_interval_s():
                continue
            if self._records is not None and self._records.flush():
                # the report with the records includes everything else that is due
                continue
            with contextlib.suppress(StorageError):
                await self._send()

    def _check_interval_s(self) -> float:
        """Return the interval between checks for a due report."""
        is_watched = self._attention in (Attention.SEND_ALL, Attention.WATCHED)
        return WATCHED_INTERVAL_S if is_watched else UNWATCHED_INTERVAL_S

    def _min_interval_s(self) -> float:
        """Return the minimum time from the last report to the next."""
        match self._attention:
            case Attention.SEND_ALL:
                return WATCHED_INTERVAL_S
            case Attention.UNAVAILABLE:
                return UNWATCHED_INTERVAL_S
            case _ if not self._has_changed():
                return UNCHANGED_INTERVAL_S
            case Attention.WATCHED:
                return WATCHED_INTERVAL_S
            case Attention.UNWATCHED:
                return UNWATCHED_INTERVAL_S

    def _has_changed(self) -> bool:
        return (self._calls is not None and self._calls.have_changed) or _urgent(self._gauges()) != self._sent_urgent

    def _gauges(self) -> Mapping[str, float]:
        try:
            gauges = self._read_gauges()
        except Exception:
            # a component whose gauges fail must still be seen
            if not self._gauges_fail:
                log.exception("figures_failed", part=self._component)
            self._gauges_fail = True
            return {}
        self._gauges_fail = False
        return gauges

    async def _send(self, records: tuple[TurnRecord, ...] = ()) -> None:
        """Send a report.

        Raises:
            StorageError: the monitor is unavailable, or has not kept the records.
            StorageRefused: the monitor can never keep one of them.
        """
        async with self._sending:
            self._sent_at = asyncio.get_running_loop().time()
            # unavailable until it answers: a report that fails takes the changes of the calls with it
            attention, self._attention = self._attention, Attention.UNAVAILABLE
            self.others_with_room = 0
            try:
                answer = await self._monitor.report(self._changes(attention, records))
            except StorageError:
                raise
            except Exception as error:
                # a fault in a report must neither lose records nor end the reporting
                log.exception("report_crashed", part=self._component)
                raise StorageError("the report crashed") from error
            self._attention = Attention.SEND_ALL if attention is Attention.UNAVAILABLE else answer.attention
            self.others_with_room = answer.others_with_room
        if answer.refused:
            raise StorageRefused(answer.not_kept)
        if answer.not_kept:
            raise StorageError(answer.not_kept)

    def _changes(self, attention: Attention, records: tuple[TurnRecord, ...]) -> Report:
        if attention is Attention.UNAVAILABLE:
            # a complete report is large: the monitor has to answer first
            return self._report(records=records)
        everything = attention is Attention.SEND_ALL
        calls = self._calls.take_changes(everything=everything) if self._calls is not None else ()
        return self._report(calls, complete=everything, records=records)

    def _report(
        self,
        calls: tuple[CallReport, ...] = (),
        *,
        complete: bool = False,
        ended: bool = False,
        records: tuple[TurnRecord, ...] = (),
    ) -> Report:
        gauges = self._gauges()
        self._sent_urgent = _urgent(gauges)
        return Report(self._component, self._replica, self._since, gauges, calls, complete, ended, records)


def _urgent(gauges: Mapping[str, float]) -> Mapping[str, float]:
    return {name: value for name, value in gauges.items() if name.startswith(URGENT)}
