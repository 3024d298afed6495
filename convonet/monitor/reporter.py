"""Tells the monitor how this process is doing: its own figures, what changes in its calls, and the turns that are over.

Every part runs one. A monitor that is away costs nothing: the next report that it takes makes up for what it missed.
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
from convonet.monitor.reports import Attention, CallReport, Report, Taken
from convonet.records.queue import RecordQueue

if TYPE_CHECKING:
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import PartName
    from convonet.records.record import TurnRecord

log = structlog.get_logger(__name__)

WATCHED_S = 0.5
"""Between two reports of news while a supervisor looks: an event is on the screen within a second."""

UNWATCHED_S = 2.0
"""Between two reports of news otherwise, and between two looks whether there are any: that someone looks is heard with
the answer to a report."""

NO_NEWS_S = 4.0
"""Between two reports without news: there are many parts, and each wakes two processes."""

URGENT = ("queue.", "hand_overs.", "desks.", "refusals")
"""How the names of figures begin that are news when they change."""

LAST_CHANCE_S = 1.0

Figures = Callable[[], Mapping[str, float]]
"""A part's own figures by name; counts only grow."""


class MonitorPort(Protocol):
    """The monitor, seen from another process."""

    async def report(self, report: Report) -> Taken:
        """Take a report; no other is under way. Raises `StorageError` when the monitor is away."""
        ...


class Reporter:
    """One per process."""

    def __init__(
        self,
        part: PartName,
        replica: str,
        monitor: MonitorPort,
        figures: Figures,
        calls: LiveCalls | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._part = part
        self._replica = replica
        self._monitor = monitor
        self._figures = figures
        self._calls = calls
        self._since = clock()
        self._attention = Attention.TELL_ALL
        self.others_with_room = 0
        """How many other processes would take a new caller, as the monitor has said last."""
        self._told_at = 0.0
        self._told: Mapping[str, float] = {}
        self._figures_fail = False
        self._telling = asyncio.Lock()
        self._tasks = BackgroundTasks()
        self._records: RecordQueue | None = None

    def start(self) -> None:
        """Report from now on."""
        self._tasks.spawn(self._run())

    def record_queue(self, *, is_copy: bool) -> RecordQueue:
        """The way of this process's turn records to the monitor; see `RecordQueue`, whose owner closes it."""
        self._records = RecordQueue(self, is_copy=is_copy)
        return self._records

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordSink.write`: for the queue."""
        await self._tell(tuple(records))

    async def close(self) -> None:
        """Report no more, and that this process stops."""
        await self._tasks.cancel_and_wait()
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(LAST_CHANCE_S), self._telling:
                await self._monitor.report(self._report(ended=True))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            quiet_s, beat_s = loop.time() - self._told_at, self._beat_s()
            await asyncio.sleep(beat_s - quiet_s if quiet_s < beat_s else beat_s)
            if self._telling.locked() or loop.time() - self._told_at < self._pause_s():
                continue
            if self._records is not None and self._records.flush():
                # records take with them whatever else there is to tell
                continue
            with contextlib.suppress(StorageError):
                await self._tell()

    def _beat_s(self) -> float:
        """How long there can be nothing to do, as things are."""
        return WATCHED_S if self._attention in (Attention.TELL_ALL, Attention.WATCHED) else UNWATCHED_S

    def _pause_s(self) -> float:
        """Between the last report and the next, as things are."""
        match self._attention:
            case Attention.TELL_ALL:
                return WATCHED_S
            case Attention.AWAY:
                return UNWATCHED_S
            case _ if not self._has_news():
                return NO_NEWS_S
            case Attention.WATCHED:
                return WATCHED_S
            case Attention.UNWATCHED:
                return UNWATCHED_S

    def _has_news(self) -> bool:
        return (self._calls is not None and self._calls.has_news) or _urgent(self._read()) != self._told

    def _read(self) -> Mapping[str, float]:
        try:
            figures = self._figures()
        except Exception:
            # a part that can't say how it is still has to work, and to be seen
            if not self._figures_fail:
                log.exception("figures_failed", part=self._part)
            self._figures_fail = True
            return {}
        self._figures_fail = False
        return figures

    async def _tell(self, records: tuple[TurnRecord, ...] = ()) -> None:
        """Raises `StorageError` when the monitor is away or has not kept the records, or `StorageRefused`."""
        async with self._telling:
            self._told_at = asyncio.get_running_loop().time()
            # until it has answered: whatever gets in the way, what was taken of the calls is lost with it
            attention, self._attention = self._attention, Attention.AWAY
            self.others_with_room = 0
            try:
                taken = await self._monitor.report(self._news(attention, records))
            except StorageError:
                raise
            except Exception as error:
                # a fault in what there is to tell must lose no records, and end no reports
                log.exception("report_crashed", part=self._part)
                raise StorageError("the report crashed") from error
            self._attention = Attention.TELL_ALL if attention is Attention.AWAY else taken.attention
            self.others_with_room = taken.others_with_room
        if taken.refused:
            raise StorageRefused(taken.not_kept)
        if taken.not_kept:
            raise StorageError(taken.not_kept)

    def _news(self, attention: Attention, records: tuple[TurnRecord, ...]) -> Report:
        if attention is Attention.AWAY:
            # to tell everything costs something; first it has to be there
            return self._report(records=records)
        everything = attention is Attention.TELL_ALL
        calls = self._calls.take(everything=everything) if self._calls is not None else ()
        return self._report(calls, complete=everything, records=records)

    def _report(
        self,
        calls: tuple[CallReport, ...] = (),
        *,
        complete: bool = False,
        ended: bool = False,
        records: tuple[TurnRecord, ...] = (),
    ) -> Report:
        figures = self._read()
        self._told = _urgent(figures)
        return Report(self._part, self._replica, self._since, figures, calls, complete, ended, records)


def _urgent(figures: Mapping[str, float]) -> Mapping[str, float]:
    return {name: value for name, value in figures.items() if name.startswith(URGENT)}
