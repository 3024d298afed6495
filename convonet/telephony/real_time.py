"""Plays stored audio, such as the whisper and the hold tone, at the pace at which it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator

RATE = 16_000
FRAME_S = 0.02
FRAME_BYTES = 640
"""20 ms of PCM16, 16 kHz, mono."""

LEAD_S = 0.02
"""How far frames are ahead of their playing, so that a timer that is late by a few milliseconds leaves no gap."""


def frames_of(pcm: bytes) -> Iterator[bytes]:
    """Cut PCM16 into frames; the last one is filled up with silence."""
    for start in range(0, len(pcm), FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")


async def in_real_time(frames: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield each frame when it is due, and end when the last one has been played."""
    clock = asyncio.get_running_loop().time
    played_until = clock()
    for frame in frames:
        await asyncio.sleep(played_until - LEAD_S - clock())
        # after a pause of this process nothing is made up for: a burst would only add delay
        played_until = max(played_until, clock()) + FRAME_S
        yield frame
    await asyncio.sleep(played_until - clock())
