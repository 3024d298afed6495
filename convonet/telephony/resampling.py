"""Between the caller's page (16 kHz, 16 bits) and a telephone line (8 kHz, mu-law), low-pass before the step down.

The filters are libswresample's. They remember the end of the last piece, so an object serves one direction of one call.
They delay it by 2 ms, with which its first piece begins: pieces stay as long as they are.
"""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt

from convonet.telephony import mulaw

PAGE_RATE = 16_000
LINE_RATE = 8_000

Samples = npt.NDArray[np.int16]


class ToTelephone:
    """PCM16, little-endian, to mu-law."""

    def __init__(self) -> None:
        self._filter = _Filter(PAGE_RATE, LINE_RATE)

    def convert(self, pcm: bytes) -> bytes:
        """What the piece is on the line, half as many samples."""
        return mulaw.encode(self._filter.convert(np.frombuffer(pcm, "<i2")))


class FromTelephone:
    """Mu-law to PCM16, little-endian."""

    def __init__(self) -> None:
        self._filter = _Filter(LINE_RATE, PAGE_RATE)

    def convert(self, code: bytes) -> bytes:
        """What the piece is for the page, twice as many samples."""
        return self._filter.convert(mulaw.decode(code)).astype("<i2").tobytes()


def file_to_mulaw(audio: bytes) -> bytes:
    """An audio file of our own, as a voice makes it, as mu-law."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=LINE_RATE)
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [*container.decode(audio=0), None]
    pieces = [piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)]
    return b"".join(mulaw.encode(np.ascontiguousarray(piece)) for piece in pieces)


class _Filter:
    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._is_first = True
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_out)

    def convert(self, samples: Samples) -> Samples:
        if not samples.size:
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, :]), format="s16", layout="mono")
        frame.sample_rate = self._rate_in
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        if self._is_first:
            self._is_first = False
            missing = samples.size * self._rate_out // self._rate_in - sum(piece.size for piece in pieces)
            pieces.insert(0, np.zeros(max(0, missing), np.int16))
        return np.ascontiguousarray(np.concatenate(pieces)) if pieces else np.empty(0, np.int16)
