"""An estimate of how long sent audio still plays, so that no caller is moved in the middle of a sentence."""

from __future__ import annotations

from collections.abc import Callable

from convonet.speech.playout import BYTES_PER_S

BASE64_BYTES_PER_S = 8_000
"""Rate of an audio file in a message: MP3 at 48 kbit/s, which both TTS providers produce, as base64."""


class Playback:
    """Assumes that audio plays without a pause from the moment it is sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns monotonic seconds."""
        self._clock = clock
        self._ends_at = clock()

    def pcm_sent(self, pcm: bytes) -> None:
        """Add a piece of a streamed answer."""
        self._add(len(pcm) / BYTES_PER_S)

    def file_sent(self, data_b64: str) -> None:
        """Add a complete audio file."""
        self._add(len(data_b64) / BASE64_BYTES_PER_S)

    def stop(self) -> None:
        """Note that the client dropped what it had not played yet."""
        self._ends_at = self._clock()

    @property
    def is_playing(self) -> bool:
        return self._clock() < self._ends_at

    def _add(self, seconds: float) -> None:
        self._ends_at = max(self._ends_at, self._clock()) + seconds
