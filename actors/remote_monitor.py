"""The monitor, seen from the processes that report to it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from ray.serve.handle import DeploymentHandle

from actors.failures import remote_errors
from actors.handles import handle_to
from convonet.errors import StorageError
from convonet.monitor.reporter import Taken
from convonet.monitor.reports import Report

CALL_TIMEOUT_S = 3.0
"""A report is taken in milliseconds, its records are written in a few; a monitor that can't is as good as away."""


class RemoteMonitor:
    """`MonitorPort` on the monitor's deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._report = handle.report

    async def report(self, report: Report) -> Taken:
        """See `MonitorPort.report`."""
        with remote_errors(StorageError, "monitor"):
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return cast("Taken", await self._report.remote(report))
            except TimeoutError:
                raise StorageError("the monitor does not answer in time") from None


def remote_monitor() -> RemoteMonitor:
    """The monitor."""
    return RemoteMonitor(handle_to("Monitor", "agent-monitor"))
