"""The audio bridge between a caller's socket and the media leg of the human they talk with."""

from __future__ import annotations

import asyncio

import structlog

from convonet.core.background import BackgroundTasks
from convonet.gateway.ports import ClientDisconnected, ClientSocket
from convonet.protocol.frames import FrameHeader, SoundKind
from convonet.telephony.caller_port import MAX_FRAME_BYTES, CallerAudio
from convonet.telephony.messages import MediaLegAddress

log = structlog.get_logger(__name__)

RECONNECT_DELAY_S = 0.5
"""Delay between two attempts to connect; the hand-over reports when the address changes or the talk ends."""

_HEADER = FrameHeader(SoundKind.TALK_PCM16).pack()
"""The other fields stay 0: a talk has no turns, and lost audio is not sent again."""


class MediaBridge:
    """Passes audio in both directions from its creation to `close`."""

    def __init__(self, address: MediaLegAddress, socket: ClientSocket, *, with_headers: bool) -> None:
        """`with_headers` adds the binary frames' header, for a client that streams."""
        self._address = address
        self._socket = socket
        self._header = _HEADER if with_headers else b""
        self._audio: CallerAudio | None = None
        self._tasks = BackgroundTasks()
        self._tasks.spawn(self._run())

    def send_to_human(self, pcm: bytes) -> None:
        """Send the caller's audio, PCM16 at 16 kHz. It is dropped while there is no connection."""
        if self._audio is not None and len(pcm) <= MAX_FRAME_BYTES and len(pcm) % 2 == 0:
            self._audio.send_audio(pcm)

    async def close(self) -> None:
        await self._tasks.cancel_and_wait()

    async def _run(self) -> None:
        try:
            while True:
                try:
                    self._audio = await CallerAudio.connect(self._address)
                    async for pcm in self._audio.receive_audio():
                        await self._socket.send_audio(self._header + pcm)
                except (OSError, TimeoutError) as error:
                    log.warning("line_out_of_reach", reason=type(error).__name__)
                finally:
                    if self._audio is not None:
                        self._audio.close()
                        self._audio = None
                await asyncio.sleep(RECONNECT_DELAY_S)
        except ClientDisconnected:
            pass
