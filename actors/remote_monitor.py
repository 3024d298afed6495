"""The monitor, seen from the processes that report to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from ray import serve
from ray.serve.handle import DeploymentHandle

from actors.failures import remote_errors
from convonet.errors import StorageError
from convonet.monitor.reporter import Attention
from convonet.monitor.reports import Report

if TYPE_CHECKING:
    from convonet.records.record import TurnRecord

CALL_TIMEOUT_S = 3.0
"""A report is taken in milliseconds, fifty records are written in a few; a monitor that can't is as good as away."""


class RemoteMonitor:
    """`MonitorPort` and `RecordSink` on the monitor's deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def report(self, report: Report) -> Attention:
        """See `MonitorPort.report`."""
        return cast("Attention", await self._call("report", report))

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordSink.write`."""
        await self._call("write", list(records))

    async def _call(self, method: str, argument: object) -> object:
        with remote_errors(StorageError, "monitor"):
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return await getattr(self._handle, method).remote(argument)
            except TimeoutError:
                raise StorageError("the monitor does not answer in time") from None


def remote_monitor() -> RemoteMonitor:
    """The monitor; it is deployed at the same time as everything else and may not exist yet."""
    return RemoteMonitor(serve.get_deployment_handle("Monitor", "agent-monitor", _check_exists=False))
