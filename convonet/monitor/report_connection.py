"""The way of reports to the monitor: one TCP connection inside the cluster for each process that reports.

A call between actors costs milliseconds of both sides, a report here some tenth of one. After the server's key and a
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
from convonet.rpc.keepalive import close_when_peer_vanishes

log = structlog.get_logger(__name__)

MOST_BYTES = 32_000_000
"""Of a message. All calls of a full voice replica with long transcripts are 15 MB, which take 40 ms to write and 100 ms
to read, once for each new monitor."""

KEY_TIMEOUT_S = 2.0
SILENT_TIMEOUT_S = 60.0
"""Every process reports every four seconds: one that does not has vanished without a word."""

STOP_TIMEOUT_S = 2.0

MOST_NAMED = 5
"""Of the fields that are not understood; what they hold is none of the log's business."""

_LENGTH_BYTES = 4

_TAKEN = TypeAdapter(Taken)


class TooLong(ValueError):
    """A message is longer than any report."""


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
        # only a monitor reads reports: other processes need not learn how
        self._report = TypeAdapter(Report)
        self._server: asyncio.Server | None = None
        self._connected: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._stops = False

    async def start(self, host: str) -> ReportAddress:
        """Listen on this address only, on any port."""
        self._server = await asyncio.start_server(self._serve, host, 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return ReportAddress(host, port, self._key)

    def check_listening(self) -> None:
        """Raise `RuntimeError` when nobody can connect any more."""
        if self._server is None or not self._server.is_serving():
            raise RuntimeError("the port for reports is closed")

    async def stop(self) -> None:
        """Close everything, after what is being taken: who reports looks for another monitor."""
        self._stops = True
        if self._server is not None:
            self._server.close()
        connected = dict(self._connected)
        for writer in connected:
            writer.close()
        if connected:
            await asyncio.wait(connected.values(), timeout=STOP_TIMEOUT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected[writer] = cast("asyncio.Task[None]", asyncio.current_task())
        close_when_peer_vanishes(writer.transport)
        try:
            async with asyncio.timeout(KEY_TIMEOUT_S):
                key = (await reader.readuntil(b"\n")).strip()
            if not hmac.compare_digest(key, self._key.encode()):
                log.warning("report_refused", why="wrong key")
                return
            # one that was accepted in the moment of the end is not served any more
            while not self._stops:
                async with asyncio.timeout(SILENT_TIMEOUT_S):
                    message = await _read(reader)
                _write(writer, to_json(await self._taken(message)))
                await writer.drain()
        except TooLong as error:
            log.error("report_refused", why=str(error))
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            del self._connected[writer]
            writer.close()

    async def _taken(self, message: bytes) -> Taken:
        try:
            report = self._report.validate_json(message)
        except ValidationError as error:
            # of another version; it keeps its records for a monitor that understands them
            wrong = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
            log.error("report_not_understood", wrong=wrong[:MOST_NAMED])
            return Taken(Attention.AWAY, "the monitor does not understand it")
        try:
            return await self._take(report)
        except Exception:
            # the next report is another one
            log.exception("report_crashed", part=report.part)
            return Taken(Attention.AWAY, "the monitor crashed over it")


class ReportConnection:
    """The side of a process that reports."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: ReportAddress) -> ReportConnection:
        """Raises `OSError` when nobody is there."""
        reader, writer = await asyncio.open_connection(address.host, address.port)
        close_when_peer_vanishes(writer.transport)
        writer.write(address.key.encode() + b"\n")
        return cls(reader, writer)

    async def ask(self, report: bytes) -> Taken:
        """Send a report as JSON and wait for the answer.

        Raises `OSError`, `EOFError` or `ValueError` when the connection is lost.
        """
        _write(self._writer, report)
        await self._writer.drain()
        return _TAKEN.validate_json(await _read(self._reader))

    def close(self) -> None:
        """Give the connection back; what is not sent yet never is, since a report that comes late is wrong."""
        self._writer.transport.abort()


def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Raises `TooLong`."""
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    if length > MOST_BYTES:
        raise TooLong(f"a message of {length} bytes")
    return await reader.readexactly(length)
