"""The TCP connection for a caller's audio, between the replica with their WebSocket and the one with their media leg.

A call between actors takes a millisecond, a frame here a few microseconds. The caller's side sends the media leg's key
and a newline. Then both sides send frames: two bytes of length, big-endian, then PCM16, 16 kHz, mono, little-endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable

import structlog

from convonet.rpc.keepalive import close_when_peer_vanishes
from convonet.telephony.messages import MediaLegAddress

log = structlog.get_logger(__name__)

MAX_FRAME_BYTES = 6_400
"""200 ms of audio; a page sends 20 ms."""

MAX_UNSENT_BYTES = 19_200
"""0.6 s of audio that the other side has not read yet. More is dropped, since late words are worse than lost ones."""

KEY_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2.0

_LENGTH_BYTES = 2

TakeAudio = Callable[[bytes], None]


class CallerPort:
    """The media legs' side: one port for all media legs of a process."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._host = ""
        self._port = 0
        self._legs: dict[str, TakeAudio] = {}
        self._callers: dict[str, asyncio.StreamWriter] = {}

    @property
    def has_legs(self) -> bool:
        """True while a media leg of this process is open."""
        return bool(self._legs)

    async def start(self, host: str) -> None:
        """Listen on this address, on any free port."""
        self._server = await asyncio.start_server(self._serve, host, 0)
        self._host, self._port = self._server.sockets[0].getsockname()[:2]

    def open_leg(self, take_audio: TakeAudio) -> MediaLegAddress:
        """Accept a caller for a media leg at the returned address; `take_audio` gets their PCM16 frames."""
        key = secrets.token_urlsafe(24)
        self._legs[key] = take_audio
        return MediaLegAddress(host=self._host, port=self._port, key=key)

    def send_audio(self, address: MediaLegAddress, pcm: bytes) -> None:
        """Send PCM16 to the caller, if they are connected and keep up."""
        if (writer := self._callers.get(address.key)) is not None:
            write_frame(writer, pcm)

    def close_leg(self, address: MediaLegAddress) -> None:
        """Close a media leg, and its caller's connection."""
        self._legs.pop(address.key, None)
        if (writer := self._callers.pop(address.key, None)) is not None:
            writer.close()

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
        for writer in self._callers.values():
            writer.close()
        self._callers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = ""
        close_when_peer_vanishes(writer.transport)
        try:
            async with asyncio.timeout(KEY_TIMEOUT_S):
                key = (await reader.readuntil(b"\n")).decode("ascii").strip()
            if (take_audio := self._legs.get(key)) is None:
                log.warning("caller_audio_refused")
                return
            # a caller whose replica died reconnects through another one
            if (previous := self._callers.get(key)) is not None:
                previous.close()
            self._callers[key] = writer
            async for frame in read_frames(reader):
                take_audio(frame)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if self._callers.get(key) is writer:
                del self._callers[key]
            writer.close()


class CallerAudio:
    """The caller's side: a connection to one media leg."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, address: MediaLegAddress) -> CallerAudio:
        """Connect to a media leg. Raises `OSError` or `TimeoutError` when it can't be reached."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
        close_when_peer_vanishes(writer.transport)
        writer.write(address.key.encode("ascii") + b"\n")
        return cls(reader, writer)

    def send_audio(self, pcm: bytes) -> None:
        """Send the caller's PCM16. It is dropped while the other side does not keep up."""
        write_frame(self._writer, pcm)

    async def receive_audio(self) -> AsyncGenerator[bytes, None]:
        """Yield audio for the caller until the media leg is closed."""
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            async for frame in read_frames(self._reader):
                yield frame

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def write_frame(writer: asyncio.StreamWriter, pcm: bytes) -> None:
    """Send a frame, unless too much is unsent."""
    if not writer.is_closing() and writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
        writer.write(len(pcm).to_bytes(_LENGTH_BYTES, "big") + pcm)


async def read_frames(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """Read frames until the connection ends. Raises `ValueError` for a frame that is too long."""
    while True:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {length} bytes")
        yield await reader.readexactly(length)
