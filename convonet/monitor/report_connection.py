"""The way of reports to the monitor: one TCP connection inside the cluster for each process that reports.

A call between actors costs milliseconds of both sides, a report here two tenths of one. After the server's key and a
newline, each side sends messages: four bytes of length, big-endian, then JSON. A report is answered before the next one
is sent.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from convonet.monitor.reports import Attention, Report, Taken

log = structlog.get_logger(__name__)

MOST_BYTES = 64_000_000
"""Of a message. All calls of a full session host with long transcripts are some 10 MB."""

KEY_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 2.0

MOST_NAMED = 5
"""Of the fields that are not understood; what they hold is none of the log's business."""

_LENGTH_BYTES = 4

_REPORT = TypeAdapter(Report)
_TAKEN = TypeAdapter(Taken)


@dataclass(frozen=True, slots=True)
class ReportAddress:
    """Where a monitor takes reports, and the key that it asks for."""

    host: str
    port: int
    key: str


class ReportServer:
    """The monitor's side. `start` it before use and `stop` it at the end."""

    def __init__(self, take: Callable[[Report], Awaitable[Taken]]) -> None:
        self._take = take
        self._key = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._connected: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def start(self, host: str) -> ReportAddress:
        """Listen on this address only, on any port."""
        self._server = await asyncio.start_server(self._serve, host, 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return ReportAddress(host, port, self._key)

    async def stop(self) -> None:
        """Close everything, after what is being taken: who reports looks for another monitor."""
        if self._server is not None:
            self._server.close()
        connected = dict(self._connected)
        for writer in connected:
            writer.close()
        if connected:
            await asyncio.wait(connected.values(), timeout=STOP_TIMEOUT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected[writer] = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            async with asyncio.timeout(KEY_TIMEOUT_S):
                key = (await reader.readuntil(b"\n")).strip()
            if not hmac.compare_digest(key, self._key.encode()):
                log.warning("report_refused", why="wrong key")
                return
            while True:
                taken = await self._taken(await _read(reader))
                _write(writer, to_json(taken))
                await writer.drain()
        except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
            pass
        except Exception:
            # the top of a connection: who reports is told by its end, and comes again
            log.exception("report_crashed")
        finally:
            del self._connected[writer]
            writer.close()

    async def _taken(self, message: bytes) -> Taken:
        try:
            report = _REPORT.validate_json(message)
        except ValidationError as error:
            # a record with a value that JSON has not, or all of another version: each record is tried alone then
            wrong = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
            log.error("report_not_understood", wrong=wrong[:MOST_NAMED])
            return Taken(Attention.AWAY, "the monitor does not understand it", refused=True)
        return await self._take(report)


class ReportConnection:
    """The side of a process that reports."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: ReportAddress) -> ReportConnection:
        """Raises `OSError` when nobody is there."""
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(address.key.encode() + b"\n")
        return cls(reader, writer)

    async def report(self, report: Report) -> Taken:
        """Send it and wait for the answer. Raises `OSError`, `EOFError` or `ValueError` when the connection is lost."""
        _write(self._writer, to_json(report))
        await self._writer.drain()
        return _TAKEN.validate_json(await _read(self._reader))

    def close(self) -> None:
        """Give the connection back."""
        self._writer.close()


def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Raises `ValueError` for a message that is too long."""
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    if length > MOST_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return await reader.readexactly(length)
