"""G.711 mu-law, the 8-bit code of telephone audio, by lookup tables.

Source: ITU-T Recommendation G.711 (11/88), table 2. Its samples have 14 bits and ours 16, so two bits are lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

SILENCE = b"\xff"
"""One silent sample."""

_BIAS = 132
"""Added before the segment is determined, in 16-bit units."""

_CLIP = 32_767 - _BIAS


def decode(code: bytes) -> Samples:
    """Convert mu-law bytes to 16-bit samples."""
    return _DECODED[np.frombuffer(code, np.uint8)]


def encode(samples: Samples) -> bytes:
    """Convert 16-bit samples to mu-law bytes."""
    return _ENCODED[samples.view(np.uint16)].tobytes()


def _decoded() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((step << 3) + _BIAS << segment) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoded() -> npt.NDArray[np.uint8]:
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(samples), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = magnitude >> segment + 3 & 15
    code = np.where(samples < 0, 0x80, 0) | segment << 4 | step
    inverted: npt.NDArray[np.uint8] = ~code.astype(np.uint8)
    return inverted


_DECODED = _decoded()
_ENCODED = _encoded()
