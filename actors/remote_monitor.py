"""The monitor, seen from the processes that report to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_core import to_json

from convonet.core.errors import StorageError
from convonet.monitor.report_connection import ReportAddress, ReportConnection
from convonet.monitor.reports import Report, Taken

TIMEOUT_S = 3.0
"""A report is taken in milliseconds, its records are written in a few; a monitor that can't is as good as away."""


class RemoteMonitor:
    """`MonitorPort` on a connection, which is opened when there is something to report."""

    def __init__(self, find: Callable[[], Awaitable[ReportAddress]]) -> None:
        """`find` tells where the monitor is now."""
        self._find = find
        self._connection: ReportConnection | None = None

    async def report(self, report: Report) -> Taken:
        """See `MonitorPort.report`."""
        message = to_json(report)
        # whoever is interrupted leaves none whose next message would be the answer to an earlier report
        connection, self._connection = self._connection, None
        is_kept = False
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = connection or await ReportConnection.open(await self._find())
                taken = await connection.ask(message)
            is_kept = not report.ended
        except TimeoutError:
            raise StorageError("the monitor does not answer in time") from None
        except (OSError, EOFError, ValueError) as error:
            raise StorageError(f"the monitor is away: {type(error).__name__}") from error
        finally:
            if is_kept:
                self._connection = connection
            elif connection is not None:
                connection.close()
        return taken
