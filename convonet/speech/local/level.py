"""Brings a recording to the level that both recognisers were trained on."""

from __future__ import annotations

import numpy as np

from convonet.speech.local.jobs import Samples

PEAK = 12_000
"""Level that every utterance is brought to, of 32,768: the acoustic model was trained on about that."""

NOISE = 4.0
"""Standard deviation of noise that is added: digital silence derails the feature extraction. More costs accuracy."""


def at_trained_level(samples: Samples) -> Samples:
    """`samples` at the level the acoustic model knows, with a little noise; the same for the same samples."""
    noise = np.random.default_rng(0).normal(0.0, NOISE, samples.size)
    peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
    return (samples * (PEAK / peak) + noise).clip(-32_768, 32_767).astype(np.int16)
