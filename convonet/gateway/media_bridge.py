"""The audio bridge between a caller's socket and the media leg of the human they talk with."""

from __future__ import annotations

import asyncio
import contextlib

from convonet.core.background import BackgroundTasks
from convonet.gateway.ports import ClientDisconnected, ClientSocket
from convonet.protocol.frames import FrameHeader, SoundKind
from convonet.telephony.hold_tone import hold_tone
from convonet.telephony.leg_connection import LegConnection
from convonet.telephony.messages import MediaLegAddress
from convonet.telephony.real_time import in_real_time

HOLD_TONE_AFTER_S = 1.0
"""Time without a media leg after which the caller hears the hold tone: it died, or the desk's page was reloaded."""

_HEADER = FrameHeader(SoundKind.TALK_PCM16).pack()
"""The other fields stay 0: a talk has no turns, and lost audio is not sent again."""


class MediaBridge:
    """Passes audio in both directions from its creation to `close`."""

    def __init__(
        self,
        address: MediaLegAddress,
        socket: ClientSocket,
        *,
        with_headers: bool,
        hold_tone_after_s: float = HOLD_TONE_AFTER_S,
    ) -> None:
        """`with_headers` adds the binary frames' header, for a client that streams."""
        self._leg = LegConnection(address)
        self._socket = socket
        self._header = _HEADER if with_headers else b""
        self._hold_tone_after_s = hold_tone_after_s
        self._tasks = BackgroundTasks()
        self._tasks.spawn(self._relay_human())
        self._tasks.spawn(self._fill_silence())

    def send_to_human(self, pcm: bytes) -> None:
        """Send the caller's audio, PCM16 at 16 kHz. It is dropped while there is no connection."""
        self._leg.send_audio(pcm)

    async def close(self) -> None:
        await self._tasks.cancel_and_wait()

    async def _relay_human(self) -> None:
        with contextlib.suppress(ClientDisconnected):
            async with contextlib.aclosing(self._leg.receive_audio()) as frames:
                async for pcm in frames:
                    await self._socket.send_audio(self._header + pcm)

    async def _fill_silence(self) -> None:
        """Play the hold tone while there is no media leg."""
        with contextlib.suppress(ClientDisconnected):
            while True:
                await self._leg.is_lost.wait()
                await asyncio.sleep(self._hold_tone_after_s)
                await self._play_hold_tone()

    async def _play_hold_tone(self) -> None:
        async with contextlib.aclosing(in_real_time(hold_tone())) as frames:
            async for frame in frames:
                if not self._leg.is_lost.is_set():
                    return
                await self._socket.send_audio(self._header + frame)
