"""A lasting connection to a media leg, made again whenever it breaks.

A caller has one to the human they talk with, and a desk to the colleague whom it consults. The hand-over's views say
when the address changes or the talk ends; its owner then drops this object.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import structlog

from convonet.telephony.caller_port import MAX_FRAME_BYTES, CallerAudio
from convonet.telephony.messages import MediaLegAddress

log = structlog.get_logger(__name__)

RECONNECT_DELAY_S = 0.5
"""Delay between two attempts to connect."""

ACCEPTED_AFTER_S = 0.3
"""A connection without audio that lasts this long is taken for accepted; a wrong key is refused at once."""


class LegConnection:
    """One connection. `receive_audio` keeps it; close that generator to close it."""

    def __init__(self, address: MediaLegAddress) -> None:
        self._address = address
        self._audio: CallerAudio | None = None
        self.is_lost = asyncio.Event()
        """Set while no media leg has accepted a connection."""
        self.is_lost.set()

    def send_audio(self, pcm: bytes) -> None:
        """Send PCM16 at 16 kHz. It is dropped while there is no connection."""
        if self._audio is not None and len(pcm) <= MAX_FRAME_BYTES and len(pcm) % 2 == 0:
            self._audio.send_audio(pcm)

    async def receive_audio(self) -> AsyncGenerator[bytes, None]:
        """Connect, yield the audio that comes, and connect again whenever the connection ends."""
        while True:
            try:
                self._audio = await CallerAudio.connect(self._address)
                accepted = asyncio.get_running_loop().call_later(ACCEPTED_AFTER_S, self.is_lost.clear)
                try:
                    async for pcm in self._audio.receive_audio():
                        self.is_lost.clear()
                        yield pcm
                finally:
                    accepted.cancel()
            except (OSError, TimeoutError) as error:
                log.warning("line_out_of_reach", reason=type(error).__name__)
            finally:
                self.is_lost.set()
                if self._audio is not None:
                    self._audio.close()
                    self._audio = None
            await asyncio.sleep(RECONNECT_DELAY_S)
