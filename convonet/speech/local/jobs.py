"""The jobs and results that pass through the pipe between `worker.py` and its process: small picklable values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from convonet.speech.base import Utterance, Word

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A transcript by one recognizer. `score` is a log probability, comparable for one utterance and recognizer."""

    text: str
    score: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class EnglishTranscript:
    """A transcript by the recognizer of general English, with the data for scoring another transcript."""

    hypothesis: Hypothesis
    written: str
    """The transcript with capitals and punctuation."""
    features: npt.NDArray[np.float32]
    """The model's encoding of the recording; 77 kB a second."""
    frames: int
    """Columns of the spectrogram that are not padding."""
    spoken: tuple[float, float]
    """Start and end of the loud part, in seconds."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The engine that a worker process builds.

    `phrases` decodes recordings, detects speech and recognizes the product's phrases (its model is cached in
    `data_dir`). `general` recognizes English and chooses between both transcripts. `voice` synthesizes with `voice`.
    """

    kind: Literal["phrases", "general", "voice"]
    data_dir: Path
    voice: str
    max_seconds: float


@dataclass(frozen=True, slots=True)
class PrepareRecording:
    """Result: the recording's 16 kHz samples. Fails with `NoSpeech` or `BadAudio`."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class RecognizePhrase:
    """Result: the nearest of our phrases as a `Hypothesis`, or None."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class RecognizeEnglish:
    """Result: an `EnglishTranscript`, or None."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class ChooseTranscript:
    """Result: the more likely `Hypothesis`."""

    english: EnglishTranscript
    phrase: Hypothesis


@dataclass(frozen=True, slots=True)
class SynthesizeFile:
    """Result: an MP3 file."""

    text: str


@dataclass(frozen=True, slots=True)
class SynthesizePcm:
    """Result: PCM16 at `ANSWER_RATE`."""

    text: str


Job = PrepareRecording | RecognizePhrase | RecognizeEnglish | ChooseTranscript | SynthesizeFile | SynthesizePcm

STOP = "stop"
"""Sent while a job runs, to cancel it."""

READY = "ready"
"""First message of a worker process: its engine is built and warm."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job's result."""

    result: object


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's failure: one of our own errors, or `SpeechUnavailable` with a description."""

    error: Exception


class Stopped(Exception):
    """The job was stopped on request."""
