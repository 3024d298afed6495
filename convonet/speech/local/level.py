"""Normalize a recording to the level that both recognizers were trained on."""

from __future__ import annotations

import numpy as np

from convonet.speech.local.jobs import Samples

PEAK = 12_000
"""Peak of every utterance, of 32,768: about the level of the acoustic model's training data."""

NOISE = 4.0
"""Standard deviation of the added noise: digital silence breaks the feature extraction. More costs accuracy."""


def at_trained_level(samples: Samples) -> Samples:
    """Scale `samples` to the level of the training data and add a little noise. Deterministic."""
    noise = np.random.default_rng(0).normal(0.0, NOISE, samples.size)
    peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
    return (samples * (PEAK / peak) + noise).clip(-32_768, 32_767).astype(np.int16)
