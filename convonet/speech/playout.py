"""How much sound a caller still has to play, which says how long the next piece may wait for more.

A vendor makes sound several times as fast as it plays, in pieces of some 100 ms, and every chunk costs a message to the
caller. So the first pieces leave as they come; after that sound is gathered as long as the caller has enough of it.
"""

from __future__ import annotations

import asyncio

from convonet.speech.base import ANSWER_RATE

BYTES_PER_S = 2 * ANSWER_RATE

AHEAD_S = 0.3
"""What a caller must have to play, so that no jitter of their network is heard."""

CHUNK_BYTES = BYTES_PER_S // 2
"""What is gathered at most, about."""


class Playout:
    """One answer's."""

    def __init__(self) -> None:
        self.until = 0.0
        """The event loop's time at which a caller who got everything at once would hear nothing any more."""

    @property
    def next_by(self) -> float:
        """When the next sound must leave, however little it is."""
        return self.until - AHEAD_S

    def add(self, pcm: bytes) -> None:
        """This sound leaves now."""
        self.until = max(asyncio.get_running_loop().time(), self.until) + len(pcm) / BYTES_PER_S
