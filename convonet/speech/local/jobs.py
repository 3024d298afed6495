"""What passes through the pipe between local speech and its worker processes: small picklable values."""

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
    """What one recogniser heard. `score` is a logarithm that compares hypotheses of one recogniser and utterance."""

    text: str
    score: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class EnglishTranscript:
    """What the recogniser of all English heard, and what it needs to say how likely something else is."""

    hypothesis: Hypothesis
    written: str
    """The same with capitals and marks."""
    features: npt.NDArray[np.float32]
    """The recording as the model has taken it in; 77 kB a second."""
    frames: int
    """How many columns of its spectrogram are not the silence after it."""
    spoken: tuple[float, float]
    """From when to when it is loud, in seconds."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine a worker process is to build.

    `callers` decodes recordings, gates them and recognises our phrases (with a model cached in `data_dir`), `general`
    recognises all English and decides which of both to believe, `voice` speaks as `voice`.
    """

    kind: Literal["callers", "general", "voice"]
    data_dir: Path
    voice: str
    max_seconds: float


@dataclass(frozen=True, slots=True)
class PrepareRecording:
    """Answered with the recording's 16 kHz samples; `NoSpeech` or `BadAudio` when there is nothing to recognise."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class RecognizePhrase:
    """Answered with our phrase that is nearest, a `Hypothesis`, or None."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class RecognizeEnglish:
    """Answered with what was said in whatever words, a `EnglishTranscript`, or None."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class ChooseTranscript:
    """Answered with the `Hypothesis` to believe."""

    listened: EnglishTranscript
    phrase: Hypothesis


@dataclass(frozen=True, slots=True)
class SynthesizeFile:
    """Answered with an MP3 file."""

    text: str


@dataclass(frozen=True, slots=True)
class SynthesizePcm:
    """Answered with PCM16 at `ANSWER_RATE`."""

    text: str


Job = PrepareRecording | RecognizePhrase | RecognizeEnglish | ChooseTranscript | SynthesizeFile | SynthesizePcm

STOP = "stop"
"""Sent while a job runs: nobody wants its answer any more."""

READY = "ready"
"""The first thing a worker process says: its engine is built and warm."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job's answer."""

    result: object


@dataclass(frozen=True, slots=True)
class Failed:
    """A job's failure: one of our own errors, or what else went wrong in words."""

    error: Exception


class Stopped(Exception):
    """The job was stopped on request."""
