"""One TCP connection inside the cluster for each process that reports to the monitor.

A call between actors costs milliseconds on both sides, a report over the connection some tenth of one. The client sends
the server's key and a newline. Then each side sends messages: four bytes of length, big-endian, then JSON. A report is
answered before the next one is sent.
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

from convonet.monitor.reports import Attention, Report, ReportAnswer
from convonet.rpc.keepalive import close_when_peer_vanishes

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 32_000_000
"""All calls of a full voice replica with long transcripts are 15 MB, which take 40 ms to write and 100 ms
to read, once for each new monitor."""

KEY_TIMEOUT_S = 2.0
SILENCE_TIMEOUT_S = 60.0
"""Every process reports every four seconds; one that does not has vanished without closing its connection."""

STOP_TIMEOUT_S = 2.0

MAX_NAMED_FIELDS = 5
"""Fields of a report that the log names as not understood; it never has their values."""

_LENGTH_BYTES = 4

_ANSWER = TypeAdapter(ReportAnswer)


class MessageTooLong(ValueError):
    """A message is longer than any report."""


@dataclass(frozen=True, slots=True)
class ReportAddress:
    """Address at which a monitor takes reports, and the key that it requires."""

    host: str
    port: int
    key: str


class ReportServer:
    """The monitor's side. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        handle_report: Callable[[Report], Awaitable[ReportAnswer]],
        *,
        key_timeout_s: float = KEY_TIMEOUT_S,
        silence_timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        self._handle_report = handle_report
        self._key_timeout_s = key_timeout_s
        self._silence_timeout_s = silence_timeout_s
        self._key = secrets.token_urlsafe(24)
        # made here, since only a monitor parses reports
        self._report_type = TypeAdapter(Report)
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
        """Close all connections, after the reports in progress; the processes then look for another monitor."""
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
            async with asyncio.timeout(self._key_timeout_s):
                key = (await reader.readuntil(b"\n")).strip()
            if not hmac.compare_digest(key, self._key.encode()):
                log.warning("report_refused", why="wrong key")
                return
            # a connection that was accepted while the server stops is not served
            while not self._stops:
                async with asyncio.timeout(self._silence_timeout_s):
                    message = await _read(reader)
                _write(writer, to_json(await self._answer_to(message)))
                await writer.drain()
        except MessageTooLong as error:
            log.error("report_refused", why=str(error))
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            del self._connected[writer]
            writer.close()

    async def _answer_to(self, message: bytes) -> ReportAnswer:
        try:
            report = self._report_type.validate_json(message)
        except ValidationError as error:
            # another version sent it, and keeps its records for a monitor that understands them
            wrong = sorted({".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)})
            log.error("report_not_understood", wrong=wrong[:MAX_NAMED_FIELDS])
            return ReportAnswer(Attention.UNAVAILABLE, "the monitor does not understand it")
        try:
            return await self._handle_report(report)
        except Exception:
            # the connection goes on: the next report may be fine
            log.exception("report_crashed", part=report.part)
            return ReportAnswer(Attention.UNAVAILABLE, "the monitor crashed over it")


class ReportConnection:
    """The reporting process's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: ReportAddress) -> ReportConnection:
        """Connect to a monitor. Raises `OSError` when nobody listens."""
        reader, writer = await asyncio.open_connection(address.host, address.port)
        close_when_peer_vanishes(writer.transport)
        writer.write(address.key.encode() + b"\n")
        return cls(reader, writer)

    async def send_report(self, report: bytes) -> ReportAnswer:
        """Send a report as JSON and wait for the answer.

        Raises `OSError`, `EOFError` or `ValueError` when the connection is lost.
        """
        _write(self._writer, report)
        await self._writer.drain()
        return _ANSWER.validate_json(await _read(self._reader))

    def close(self) -> None:
        """Close the connection at once; unsent bytes are dropped, since a late report would be wrong."""
        self._writer.transport.abort()


def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Raises `MessageTooLong`."""
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    if length > MAX_MESSAGE_BYTES:
        raise MessageTooLong(f"a message of {length} bytes")
    return await reader.readexactly(length)
