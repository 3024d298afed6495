"""The way of the caller's audio between the replica that holds their WebSocket and the one that holds their line.

A plain TCP connection inside the cluster: a call between actors costs a millisecond, a frame here some microseconds.
After the line's key and a newline both sides send frames: two bytes of length, big-endian, then PCM16, 16 kHz, mono,
little-endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable

import structlog

from convonet.rpc.keepalive import end_when_peer_is_lost
from convonet.telephony.messages import MediaLegAddress

log = structlog.get_logger(__name__)

MAX_FRAME_BYTES = 6_400
"""200 ms of audio; a page sends 20 ms."""

MAX_UNSENT_BYTES = 19_200
"""0.6 s of audio that the other side has not taken yet; more is dropped, since late words are worse than lost ones."""

KEY_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2.0

_LENGTH_BYTES = 2

Hear = Callable[[bytes], None]


class CallerPort:
    """The line's side: one port of a process for all its lines."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._host = ""
        self._port = 0
        self._lines: dict[str, Hear] = {}
        self._callers: dict[str, asyncio.StreamWriter] = {}

    @property
    def has_lines(self) -> bool:
        """Whether a line of this process is open."""
        return bool(self._lines)

    async def start(self, host: str) -> None:
        """Listen on this address only, on any port."""
        self._server = await asyncio.start_server(self._serve, host, 0)
        self._host, self._port = self._server.sockets[0].getsockname()[:2]

    def open(self, hear: Hear) -> MediaLegAddress:
        """Where a caller can be connected to this line; `hear` gets what they say."""
        key = secrets.token_urlsafe(24)
        self._lines[key] = hear
        return MediaLegAddress(host=self._host, port=self._port, key=key)

    def send(self, address: MediaLegAddress, pcm: bytes) -> None:
        """Let the caller hear something, if they are connected."""
        if (writer := self._callers.get(address.key)) is not None:
            write_frame(writer, pcm)

    def close(self, address: MediaLegAddress) -> None:
        """The line is gone."""
        self._lines.pop(address.key, None)
        if (writer := self._callers.pop(address.key, None)) is not None:
            writer.close()

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for writer in self._callers.values():
            writer.close()
        self._callers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = ""
        end_when_peer_is_lost(writer.transport)
        try:
            async with asyncio.timeout(KEY_TIMEOUT_S):
                key = (await reader.readuntil(b"\n")).decode("ascii").strip()
            if (hear := self._lines.get(key)) is None:
                log.warning("caller_audio_refused")
                return
            # a caller whose replica died comes again through another one
            if (before := self._callers.get(key)) is not None:
                before.close()
            self._callers[key] = writer
            async for frame in read_frames(reader):
                hear(frame)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if self._callers.get(key) is writer:
                del self._callers[key]
            writer.close()


class CallerAudio:
    """The caller's side: one connection to one line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, address: MediaLegAddress) -> CallerAudio:
        """Raises `OSError` or `TimeoutError` when the line can't be reached."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
        end_when_peer_is_lost(writer.transport)
        writer.write(address.key.encode("ascii") + b"\n")
        return cls(reader, writer)

    def send(self, pcm: bytes) -> None:
        """What the caller says. Too much of it is dropped."""
        write_frame(self._writer, pcm)

    async def hear(self) -> AsyncGenerator[bytes, None]:
        """What the caller shall hear, until the line is gone."""
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            async for frame in read_frames(self._reader):
                yield frame

    def close(self) -> None:
        """Give the connection back."""
        self._writer.close()


def write_frame(writer: asyncio.StreamWriter, pcm: bytes) -> None:
    """Send a frame, unless the other side does not read."""
    if not writer.is_closing() and writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
        writer.write(len(pcm).to_bytes(_LENGTH_BYTES, "big") + pcm)


async def read_frames(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """Frames until the connection ends. Raises `ValueError` for one that is too long."""
    while True:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {length} bytes")
        yield await reader.readexactly(length)
