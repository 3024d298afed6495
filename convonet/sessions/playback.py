"""How long what was sent to a caller still sounds there: a session must not be moved in the middle of a sentence."""

from __future__ import annotations

from collections.abc import Callable

from convonet.speech.base import ANSWER_RATE

PCM_BYTES_PER_S = 2 * ANSWER_RATE
BASE64_BYTES_PER_S = 8_000
"""Of a file in a message: MP3 with 48 kbit/s, which both voices make, as base64."""


class Playback:
    """An estimate from the length of the sound: it is played from the moment in which it was sent, without a pause."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells monotonic seconds."""
        self._clock = clock
        self._ends_at = clock()

    def pcm_sent(self, pcm: bytes) -> None:
        """A piece of a streamed answer has left."""
        self._add(len(pcm) / PCM_BYTES_PER_S)

    def file_sent(self, data_b64: str) -> None:
        """A complete file has left."""
        self._add(len(data_b64) / BASE64_BYTES_PER_S)

    def stop(self) -> None:
        """The caller's side has dropped what it held."""
        self._ends_at = self._clock()

    @property
    def is_playing(self) -> bool:
        """Whether the caller hears something now."""
        return self._clock() < self._ends_at

    def _add(self, seconds: float) -> None:
        self._ends_at = max(self._ends_at, self._clock()) + seconds
