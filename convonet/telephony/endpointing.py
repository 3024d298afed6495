"""Endpointing of a talk: cuts the audio of one speaker into utterances at its pauses, and drops clicks."""

from __future__ import annotations

import numpy as np

RATE = 16_000
SAMPLE_BYTES = 2

SPEECH_LEVEL = 350.0
"""Minimum root mean square of a frame with speech, of 32768 at most: about -40 dBFS, above a telephone line's noise."""

PAUSE_S = 0.7
LEAD_S = 0.2
"""Audio included from before the first loud frame, since a first consonant is quiet."""

MIN_SPEECH_S = 0.25
MAX_UTTERANCE_S = 12.0


class Endpointer:
    """Cuts the audio of one speaker. Frames are PCM16, 16 kHz."""

    def __init__(self) -> None:
        self._lead = b""
        self._utterance = b""
        self._loud_s = 0.0
        self._quiet_s = 0.0

    def add_frame(self, pcm: bytes) -> bytes | None:
        """Add a frame. Returns the utterance that ends with it, if one does."""
        seconds = len(pcm) / (RATE * SAMPLE_BYTES)
        is_loud = _root_mean_square(pcm) >= SPEECH_LEVEL
        if not self._utterance and not is_loud:
            self._lead = (self._lead + pcm)[-int(LEAD_S * RATE) * SAMPLE_BYTES :]
            return None
        self._utterance = (self._utterance or self._lead) + pcm
        self._lead = b""
        self._loud_s += seconds if is_loud else 0.0
        self._quiet_s = 0.0 if is_loud else self._quiet_s + seconds
        too_long = len(self._utterance) >= MAX_UTTERANCE_S * RATE * SAMPLE_BYTES
        return self._end() if too_long or self._quiet_s >= PAUSE_S else None

    def _end(self) -> bytes | None:
        utterance, loud_s = self._utterance, self._loud_s
        self._utterance, self._loud_s, self._quiet_s = b"", 0.0, 0.0
        return utterance if loud_s >= MIN_SPEECH_S else None


def _root_mean_square(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(samples * samples))) if samples.size else 0.0
