"""An estimate of the audio that a caller still has to play, which decides how long the next piece may be held back.

A vendor synthesizes several times faster than real time, in pieces of about 100 ms, and every chunk costs a message to
the caller. So the first pieces are sent as they arrive. Later ones are collected as long as the caller has enough left.
"""

from __future__ import annotations

import asyncio

from convonet.speech.base import ANSWER_RATE

BYTES_PER_S = 2 * ANSWER_RATE

AHEAD_S = 0.3
"""Audio that a caller must have left, so that jitter on their network is not heard."""

CHUNK_BYTES = BYTES_PER_S // 2
"""About the most that is collected: half a second."""


class Playout:
    """The playout of one answer."""

    def __init__(self) -> None:
        self.until = 0.0
        """Time of the event loop's clock at which a caller with no network delay has played everything."""

    @property
    def next_by(self) -> float:
        """Time by which the next audio must be sent, however short it is."""
        return self.until - AHEAD_S

    def add(self, pcm: bytes) -> None:
        """Note that `pcm` is sent now."""
        self.until = max(asyncio.get_running_loop().time(), self.until) + len(pcm) / BYTES_PER_S
