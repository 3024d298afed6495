"""The audio socket of a desk's page as a `DeskStream`: PCM16 in binary messages, a frame every 20 ms."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.telephony.caller_port import MAX_FRAME_BYTES, MAX_UNSENT_BYTES
from convonet.telephony.real_time import FRAME_BYTES, RATE, frames_of, in_real_time
from convonet.telephony.resampling import pcm_of_file
from convonet.web.rate_limit import TokenBucket

SILENT_AFTER_S = 2.0
"""A page sends fifty frames a second as long as its socket is open, also when its person is muted."""

MAX_PACE = 1.5
"""Audio that is accepted, in seconds per second. The clock of a sound card differs by a tenth of a percent at most."""

MAX_BURST_S = 2.5
"""A page whose network has paused sends everything at once; a longer pause ends its stream."""

_BYTES_PER_S = 2 * RATE


class PageSocket(Protocol):
    """The WebSocket of a page. All methods raise `ConnectionError` when it is closed."""

    async def receive(self) -> str | bytes: ...

    async def send_text(self, text: str) -> None: ...

    async def send_audio(self, pcm: bytes) -> None: ...


class PageStream:
    """See `DeskStream`."""

    def __init__(self, socket: PageSocket, admission_message: str, *, silent_after_s: float = SILENT_AFTER_S) -> None:
        """`admission_message` is the text that tells the page that its stream was admitted."""
        self._socket = socket
        self._admission_message = admission_message
        self._silent_after_s = silent_after_s
        self._clock = asyncio.get_running_loop().time
        self._is_admitted = asyncio.Event()
        self._received_at = 0.0
        self._allowance = TokenBucket(MAX_PACE * _BYTES_PER_S, int(MAX_BURST_S * _BYTES_PER_S), self._clock)
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._has_audio = asyncio.Event()

    async def confirm_admission(self) -> None:
        await self._socket.send_text(self._admission_message)
        self._received_at = self._clock()
        self._is_admitted.set()

    async def receive_audio(self) -> AsyncGenerator[bytes, None]:
        while True:
            frame = await self._socket.receive()
            if isinstance(frame, str) or len(frame) > MAX_FRAME_BYTES or len(frame) % 2:
                raise ValueError("no PCM16 frame of a page")
            self._received_at = self._clock()
            # many tiny frames cost as much as larger ones
            if frame and self._allowance.take(max(len(frame), FRAME_BYTES // 4)):
                yield frame

    def send_audio(self, pcm: bytes) -> None:
        self._unsent.append(pcm)
        self._unsent_bytes += len(pcm)
        while self._unsent_bytes > MAX_UNSENT_BYTES:
            self._unsent_bytes -= len(self._unsent.popleft())
        self._has_audio.set()

    async def send_queued_audio(self) -> None:
        while True:
            while self._unsent:
                pcm = self._unsent.popleft()
                self._unsent_bytes -= len(pcm)
                await self._socket.send_audio(pcm)
            self._has_audio.clear()
            await self._has_audio.wait()

    async def watch(self) -> None:
        # until then the host may be slow, and the page waits
        await self._is_admitted.wait()
        while True:
            due_s = self._received_at + self._silent_after_s - self._clock()
            if due_s <= 0:
                return
            await asyncio.sleep(due_s)

    async def play_whisper(self, audio: bytes) -> None:
        pcm = await asyncio.to_thread(pcm_of_file, audio)
        async for frame in in_real_time(frames_of(pcm)):
            self.send_audio(frame)

    async def stop_whisper(self) -> None:
        """Do nothing: a frame at most is on its way."""
