"""The monitor's client in the processes that report to it; `deployments/replicas.py` creates it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields

from pydantic import TypeAdapter

from convonet.core.errors import StorageError
from convonet.monitor.report_requests import MAX_MESSAGE_BYTES, REPORT
from convonet.monitor.reports import Report, ReportAnswer
from convonet.rpc.replica import Replica, ReplicaUnavailable, SilenceTimeouts
from convonet.rpc.wire import Address, RpcError

REPORT_TIMEOUT_S = 3.0
"""The monitor answers a report within milliseconds, even one with records to write. A slower one counts as down."""

_ANSWER = TypeAdapter(ReportAnswer)


class RemoteMonitor:
    """Implements `MonitorPort` over a connection that the first report opens."""

    def __init__(self, find: Callable[[], Awaitable[Address]], *, report_timeout_s: float = REPORT_TIMEOUT_S) -> None:
        """`find` returns the monitor's current address."""
        self._find = find
        self._report_timeout_s = report_timeout_s
        self._connection: Replica | None = None

    async def report(self, report: Report) -> ReportAnswer:
        """See `MonitorPort.report`."""
        # unset meanwhile: no other report may use the connection of an interrupted one
        connection, self._connection = self._connection, None
        is_reusable = False
        try:
            async with asyncio.timeout(self._report_timeout_s):
                if connection is None or not connection.is_open:
                    connection = await self._connect()
                params = {field.name: getattr(report, field.name) for field in fields(report)}
                answer = await connection.send_request(REPORT, params).answer
            is_reusable = not report.ended
        except TimeoutError:
            raise StorageError("the monitor does not answer in time") from None
        except (OSError, ReplicaUnavailable, RpcError, ValueError) as error:
            raise StorageError(f"the monitor is unavailable: {type(error).__name__}") from error
        finally:
            if is_reusable:
                self._connection = connection
            elif connection is not None:
                # not closed gracefully: a report that arrived late would be wrong
                connection.abort()
        return _ANSWER.validate_python(answer)

    async def _connect(self) -> Replica:
        # no pings: the report's own timeout is short
        timeouts = SilenceTimeouts(self._report_timeout_s, self._report_timeout_s)
        address = await self._find()
        return await Replica.connect(address, timeouts, lambda: None, max_message_bytes=MAX_MESSAGE_BYTES)
