"""Decode recordings into the 16 kHz mono samples that local recognition takes.

The bytes come from strangers. So the container format is forced: FFmpeg would guess otherwise, and mere text can make
it open a network connection. The work is bounded by the longest allowed utterance, and damaged packets are skipped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
import numpy.typing as npt

from convonet.core.errors import BadAudio, ErrorCode
from convonet.speech.base import Utterance

Samples = npt.NDArray[np.int16]

SAMPLE_RATE = 16_000

SAMPLE_RATES = range(8_000, 48_001)
"""Sample rates in Hz that a PCM16 client may send."""

MAX_BAD_PACKETS = 500
"""A recording with more damaged packets is refused: 500 packets of 20 ms are 10 s."""

_PYAV_ERRORS = (av.FFmpegError, LookupError, ValueError, EOFError)
"""The exceptions that PyAV raises on damaged input, found by fuzzing; they have no common base class."""


class UtteranceTooLong(BadAudio):
    """The recording is longer than `CONVONET_MAX_UTTERANCE_S`."""

    code = ErrorCode.UTTERANCE_TOO_LONG
    spoken = "That was too long for me. Please say it in a shorter way."


def decode(utterance: Utterance, *, max_seconds: float) -> Samples:
    """Decode an utterance into 16 kHz mono samples.

    Raises `BadAudio` when nothing can be decoded, `UtteranceTooLong` as soon as it exceeds `max_seconds` + 1 s.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    frames = _webm_frames(utterance.audio) if utterance.format == "webm" else _pcm_frames(utterance)
    limit = int((max_seconds + 1) * SAMPLE_RATE)
    pieces: list[Samples] = []
    length = 0
    for piece in _resampled(frames, resampler):
        pieces.append(piece)
        length += piece.size
        if length > limit:
            raise UtteranceTooLong(f"the recording is longer than {max_seconds:g} s")
    if not length:
        raise BadAudio("the recording holds no audio")
    return np.concatenate(pieces)


def _resampled(frames: Iterator[av.AudioFrame], resampler: av.AudioResampler) -> Iterator[Samples]:
    for frame in frames:
        try:
            yield from _pieces(resampler, frame)
        except ValueError as error:
            raise BadAudio(f"the recording changes its format: {error}") from error
    yield from _pieces(resampler, None)


def _pieces(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[Samples]:
    for piece in resampler.resample(frame):
        if piece is not None:  # flushing a resampler that had nothing to convert answers [None]
            yield piece.to_ndarray()[0]


def _pcm_frames(utterance: Utterance) -> Iterator[av.AudioFrame]:
    if utterance.sample_rate not in SAMPLE_RATES:
        raise BadAudio(f"a sample rate of {utterance.sample_rate} Hz is not supported")
    samples = np.frombuffer(utterance.audio[: len(utterance.audio) // 2 * 2], "<i2")
    for start in range(0, samples.size, utterance.sample_rate):
        second = samples[start : start + utterance.sample_rate]
        frame = av.AudioFrame.from_ndarray(second.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = utterance.sample_rate
        yield frame


def _webm_frames(audio: bytes) -> Iterator[av.AudioFrame]:
    try:
        with av.open(io.BytesIO(audio), "r", format="webm") as container:
            yield from _audio_frames(container)
    except _PYAV_ERRORS as error:
        raise BadAudio(f"the recording is not WebM audio: {type(error).__name__}") from error


def _audio_frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    bad = 0
    for packet in container.demux(audio=0):
        try:
            yield from (frame for frame in packet.decode() if isinstance(frame, av.AudioFrame))
        except _PYAV_ERRORS:
            bad += 1
            if bad > MAX_BAD_PACKETS:
                raise
