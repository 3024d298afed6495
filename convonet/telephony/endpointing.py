"""Cuts one side of a talk into sentences, where it pauses. What is too short to be a word is left out."""

from __future__ import annotations

import numpy as np

RATE = 16_000
SAMPLE_BYTES = 2

LOUD = 350.0
"""Root mean square of a frame in which somebody speaks, of 32768: about -40 dBFS, above a telephone line's noise."""

PAUSE_S = 0.7
LEAD_S = 0.2
"""What is kept from before the first loud frame: a first consonant is quiet."""

MIN_SPEECH_S = 0.25
MAX_UTTERANCE_S = 12.0


class Endpointer:
    """One side of one talk. Frames are PCM16, 16 kHz."""

    def __init__(self) -> None:
        self._lead = b""
        self._sentence = b""
        self._loud_s = 0.0
        self._quiet_s = 0.0

    def add(self, pcm: bytes) -> bytes | None:
        """Add a frame; returns a sentence that has just ended."""
        seconds = len(pcm) / (RATE * SAMPLE_BYTES)
        is_loud = _root_mean_square(pcm) >= LOUD
        if not self._sentence and not is_loud:
            self._lead = (self._lead + pcm)[-int(LEAD_S * RATE) * SAMPLE_BYTES :]
            return None
        self._sentence = (self._sentence or self._lead) + pcm
        self._lead = b""
        self._loud_s += seconds if is_loud else 0.0
        self._quiet_s = 0.0 if is_loud else self._quiet_s + seconds
        too_long = len(self._sentence) >= MAX_UTTERANCE_S * RATE * SAMPLE_BYTES
        return self._end() if too_long or self._quiet_s >= PAUSE_S else None

    def _end(self) -> bytes | None:
        sentence, loud_s = self._sentence, self._loud_s
        self._sentence, self._loud_s, self._quiet_s = b"", 0.0, 0.0
        return sentence if loud_s >= MIN_SPEECH_S else None


def _root_mean_square(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(samples * samples))) if samples.size else 0.0
