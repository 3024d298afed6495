"""The monitor's side of reports. Each process sends its reports one at a time, as requests to the monitor's own port.

A call between actors costs milliseconds on both sides, a report over the port about a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import structlog
from pydantic import TypeAdapter, ValidationError

from convonet.monitor.reports import Attention, Report, ReportAnswer
from convonet.rpc.server import Request, RpcServer
from convonet.rpc.wire import Message

log = structlog.get_logger(__name__)

REPORT = "report"
"""The method of all requests; its parameters are the fields of a `Report`."""

MAX_MESSAGE_BYTES = 32_000_000
"""All calls of a full voice replica with long transcripts take 15 MB. It sends them once to each new monitor."""

STOP_TIMEOUT_S = 2.0

MAX_NAMED_FIELDS = 5
"""Fields of a report that the log names as not understood; their values are never logged."""


def report_server(handle_report: Callable[[Report], Awaitable[ReportAnswer]]) -> RpcServer:
    """Create the server that reports are sent to."""
    # created here, since only a monitor parses reports
    report_type = TypeAdapter(Report)

    async def answer(request: Request) -> Message:
        try:
            report = report_type.validate_python(request.params)
        except ValidationError as error:
            # a process of another version sent it, and keeps its records for a monitor that understands them
            wrong = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
            log.error("report_not_understood", wrong=wrong[:MAX_NAMED_FIELDS])
            return asdict(ReportAnswer(Attention.UNAVAILABLE, "the monitor does not understand it"))
        try:
            return asdict(await handle_report(report))
        except Exception:
            # the connection goes on: the next report may be fine
            log.exception("report_crashed", part=report.part)
            return asdict(ReportAnswer(Attention.UNAVAILABLE, "the monitor crashed over it"))

    return RpcServer(answer, stop_timeout_s=STOP_TIMEOUT_S, max_message_bytes=MAX_MESSAGE_BYTES)
