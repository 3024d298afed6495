"""Tells the monitor how this process is doing: its own figures, and what changes in its calls.

Every part runs one. A monitor that is away costs nothing: the next report that it takes makes up for what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import structlog

from convonet.errors import StorageError
from convonet.monitor.reports import CallReport, Report

if TYPE_CHECKING:
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import PartName

log = structlog.get_logger(__name__)

WATCHED_S = 0.5
"""Between two reports of calls while a supervisor looks: an event is on the screen within a second."""

UNWATCHED_S = 2.0
"""Between two reports otherwise, and always between two that hold figures only."""

LAST_CHANCE_S = 1.0

Figures = Callable[[], Mapping[str, float]]
"""A part's own figures by name; counts only grow."""


class Attention(StrEnum):
    """How the monitor takes a report."""

    WATCHED = "watched"
    """Somebody looks at it."""
    UNWATCHED = "unwatched"
    AWAY = "away"
    """It does not answer; only a reporter says so."""
    TELL_ALL = "tell_all"
    """It does not know this process (any more): the next report must hold everything."""


class MonitorPort(Protocol):
    """The monitor, seen from another process."""

    async def report(self, report: Report) -> Attention:
        """Take a report. Raises `StorageError` when the monitor is away."""
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
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Report from now on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Report no more, and that this process stops."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(LAST_CHANCE_S):
                await self._monitor.report(self._report((), ended=True))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        told_at = 0.0
        while True:
            await asyncio.sleep(WATCHED_S)
            if self._is_in_a_hurry() or loop.time() - told_at >= UNWATCHED_S:
                told_at = loop.time()
                try:
                    await self._tell()
                except Exception:
                    # the top of a task that nobody waits for: a part that is not seen still has to work, and to be seen
                    log.exception("report_crashed", part=self._part)
                    self._attention = Attention.AWAY

    def _is_in_a_hurry(self) -> bool:
        match self._attention:
            case Attention.TELL_ALL:
                return True
            case Attention.WATCHED:
                return self._calls is not None and self._calls.has_news
        return False

    async def _tell(self) -> None:
        try:
            if self._attention is Attention.AWAY:
                # to tell everything costs something; first it has to be there
                await self._monitor.report(self._report(()))
                self._attention = Attention.TELL_ALL
            else:
                everything = self._attention is Attention.TELL_ALL
                calls = self._calls.take(everything=everything) if self._calls is not None else ()
                self._attention = await self._monitor.report(self._report(calls, complete=everything))
        except StorageError:
            # what was taken is lost with it
            self._attention = Attention.AWAY

    def _report(self, calls: tuple[CallReport, ...], *, complete: bool = False, ended: bool = False) -> Report:
        return Report(self._part, self._replica, self._since, self._figures(), calls, complete, ended)
