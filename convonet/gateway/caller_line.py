"""A caller's socket connected with the telephone line of the human they talk with."""

from __future__ import annotations

import asyncio

import structlog

from convonet.gateway.ports import ClientGone, ClientSocket
from convonet.protocol.frames import FrameHeader, SoundKind
from convonet.telephony.caller_port import MAX_FRAME_BYTES, CallerAudio
from convonet.telephony.messages import MediaLegAddress

log = structlog.get_logger(__name__)

RECONNECT_DELAY_S = 0.5
"""Between two tries; the hand-over tells when the line has another address, or is gone."""

_HEADER = FrameHeader(SoundKind.TALK_PCM16).pack()
"""A talk has no turns, and what of it is lost is not sent again."""


class CallerLine:
    """Both directions of one talk, from its making to `close`; `with_headers` for a client that streams."""

    def __init__(self, address: MediaLegAddress, socket: ClientSocket, *, with_headers: bool) -> None:
        self._address = address
        self._socket = socket
        self._header = _HEADER if with_headers else b""
        self._audio: CallerAudio | None = None
        self._task = asyncio.create_task(self._run())

    def send(self, pcm: bytes) -> None:
        """What the caller says: PCM16, 16 kHz; dropped while there is no connection."""
        if self._audio is not None and len(pcm) <= MAX_FRAME_BYTES and len(pcm) % 2 == 0:
            self._audio.send_audio(pcm)

    def close(self) -> None:
        """End it."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                try:
                    self._audio = await CallerAudio.connect(self._address)
                    async for pcm in self._audio.receive_audio():
                        await self._socket.send_sound(self._header + pcm)
                except (OSError, TimeoutError) as error:
                    log.warning("line_out_of_reach", reason=type(error).__name__)
                finally:
                    if self._audio is not None:
                        self._audio.close()
                        self._audio = None
                await asyncio.sleep(RECONNECT_DELAY_S)
        except ClientGone:
            pass
