"""Audio conversion between the caller's page (16 kHz, PCM16) and a telephone (8 kHz, mu-law).

The low-pass filters are libswresample's. They carry state from piece to piece, so an object serves one direction of one
call. They delay the audio by 2 ms: the first piece is padded with that much silence, so that all pieces keep their
length.
"""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt

from convonet.core.errors import BadAudio
from convonet.telephony import mulaw

PAGE_RATE = 16_000
TELEPHONE_RATE = 8_000

Samples = npt.NDArray[np.int16]


class ToTelephone:
    """Converts PCM16, little-endian, to mu-law."""

    def __init__(self) -> None:
        self._filter = _Filter(PAGE_RATE, TELEPHONE_RATE)

    def convert(self, pcm: bytes) -> bytes:
        """Convert a piece to half as many samples."""
        return mulaw.encode(self._filter.convert(np.frombuffer(pcm, "<i2")))


class FromTelephone:
    """Converts mu-law to PCM16, little-endian."""

    def __init__(self) -> None:
        self._filter = _Filter(TELEPHONE_RATE, PAGE_RATE)

    def convert(self, code: bytes) -> bytes:
        """Convert a piece to twice as many samples."""
        return self._filter.convert(mulaw.decode(code)).astype("<i2").tobytes()


def mulaw_of_file(audio: bytes) -> bytes:
    """Convert an audio file of any container format to mu-law. Raises `BadAudio`."""
    return mulaw.encode(_samples_of_file(audio, TELEPHONE_RATE))


def pcm_of_file(audio: bytes) -> bytes:
    """Convert an audio file of any container format to PCM16, little-endian, 16 kHz. Raises `BadAudio`."""
    return _samples_of_file(audio, PAGE_RATE).astype("<i2").tobytes()


def _samples_of_file(audio: bytes, rate: int) -> Samples:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    try:
        with av.open(io.BytesIO(audio), "r") as container:
            frames = [*container.decode(audio=0), None]
    except (av.FFmpegError, IndexError) as error:
        # without an audio stream PyAV raises IndexError
        raise BadAudio(str(error)) from None
    pieces = [piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int16)


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
