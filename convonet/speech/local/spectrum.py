"""The log-mel spectrogram that Whisper takes as its input, in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convonet.speech.decode import SAMPLE_RATE

WINDOW, HOP = 400, 160
"""Samples of a frame, and from the start of one frame to that of the next: 25 ms every 10 ms."""

BANDS = 80
RANGE = 8.0
"""Powers of ten below the loudest value at which everything counts as silence."""

Spectrogram = npt.NDArray[np.float32]


def log_mel(samples: npt.NDArray[np.int16], seconds: float) -> Spectrogram:
    """Compute `BANDS` rows, with a column for each 10 ms, of 16 kHz mono `samples` padded with silence to `seconds`."""
    length = int(seconds * SAMPLE_RATE)
    sound = np.zeros(length, np.float32)
    sound[: samples.size] = samples[:length]
    sound = np.pad(sound / 32_768, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP][:-1]
    power = np.abs(np.fft.rfft(frames * _HANN, axis=1)).astype(np.float32) ** 2
    bands = np.log10(np.maximum(_BAND_FILTERS @ power.T, 1e-10))
    result: Spectrogram = ((np.maximum(bands, bands.max() - RANGE) + 4) / 4).astype(np.float32)
    return result


def _band_filters() -> Spectrogram:
    """Build triangular filters of equal area, linear up to 1 kHz and logarithmic above (Slaney's mel scale)."""
    mels = np.linspace(0, 15 + 27 * np.log(SAMPLE_RATE / 2 / 1_000) / np.log(6.4), BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1_000 * np.exp(np.log(6.4) / 27 * (mels - 15)))
    away = edges[:, None] - np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-away[:-2] / widths[:-1], away[2:] / widths[1:]))
    result: Spectrogram = (triangles * 2 / (edges[2:] - edges[:-2])[:, None]).astype(np.float32)
    return result


_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_BAND_FILTERS = _band_filters()
