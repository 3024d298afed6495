"""The monitor's client in the processes that report to it; `deployments/replicas.py` creates it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_core import to_json

from convonet.core.errors import StorageError
from convonet.monitor.report_connection import ReportAddress, ReportConnection
from convonet.monitor.reports import Report, ReportAnswer

REPORT_TIMEOUT_S = 3.0
"""The monitor answers a report within milliseconds, also one with records to write; one that can't counts as down."""


class RemoteMonitor:
    """`MonitorPort` on a connection, which is opened with the first report."""

    def __init__(
        self, find: Callable[[], Awaitable[ReportAddress]], *, report_timeout_s: float = REPORT_TIMEOUT_S
    ) -> None:
        """`find` returns the monitor's current address."""
        self._find = find
        self._report_timeout_s = report_timeout_s
        self._connection: ReportConnection | None = None

    async def report(self, report: Report) -> ReportAnswer:
        """See `MonitorPort.report`."""
        message = to_json(report)
        # taken away meanwhile: after an interruption its next message would be the answer to an earlier report
        connection, self._connection = self._connection, None
        is_kept = False
        try:
            async with asyncio.timeout(self._report_timeout_s):
                connection = connection or await ReportConnection.open(await self._find())
                answer = await connection.send_report(message)
            is_kept = not report.ended
        except TimeoutError:
            raise StorageError("the monitor does not answer in time") from None
        except (OSError, EOFError, ValueError) as error:
            raise StorageError(f"the monitor is unavailable: {type(error).__name__}") from error
        finally:
            if is_kept:
                self._connection = connection
            elif connection is not None:
                connection.close()
        return answer
