"""The engines of the worker processes. Each imports its libraries only in the process that builds it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convonet.core.errors import NoSpeech
from convonet.speech.local.jobs import (
    ChooseTranscript,
    EngineSpec,
    PrepareRecording,
    RecognizeEnglish,
    RecognizePhrase,
    SynthesizeFile,
    SynthesizePcm,
)

Work = Callable[[object, Callable[[], bool]], object]
"""Runs one job. The second argument tells whether the job should stop."""


def build(spec: EngineSpec) -> Work:
    """Build the engine of `spec` and warm it up, so that its first job does not take longer than the others."""
    match spec.kind:
        case "phrases":
            return _phrases(spec)
        case "general":
            return _general(spec)
        case "voice":
            return _voice(spec)


def _phrases(spec: EngineSpec) -> Work:
    from convonet.speech.decode import decode
    from convonet.speech.local.language_model import build_phrase_model
    from convonet.speech.local.phrase_recognizer import PhraseRecognizer
    from convonet.speech.local.phrases import Phrases
    from convonet.speech.vad import SpeechDetector

    phrases = Phrases.load()
    recognizer = PhraseRecognizer(phrases, build_phrase_model(spec.data_dir / "speech", phrases))
    detector = SpeechDetector()
    detector.holds_speech(_second_of_silence())
    recognizer.recognize(_second_of_silence())

    def work(job: object, should_stop: Callable[[], bool]) -> object:
        match job:
            case PrepareRecording(utterance):
                samples = decode(utterance, max_seconds=spec.max_seconds)
                if not detector.holds_speech(samples):
                    raise NoSpeech("no speech was detected")
                return samples
            case RecognizePhrase(samples):
                return recognizer.recognize(samples, should_stop)
        raise TypeError(f"not a job of the phrase engine: {job!r:.80}")

    return work


def _general(spec: EngineSpec) -> Work:
    from convonet.speech.local.language_model import PhraseModel, build_phrase_model
    from convonet.speech.local.phrases import Phrases
    from convonet.speech.local.whisper import Whisper

    whisper = Whisper(PhraseModel(build_phrase_model(spec.data_dir / "speech", Phrases.load())))
    whisper.recognize(_second_of_silence())

    def work(job: object, should_stop: Callable[[], bool]) -> object:
        match job:
            case RecognizeEnglish(samples):
                return whisper.recognize(samples, should_stop)
            case ChooseTranscript(english, phrase):
                return whisper.choose(english, phrase)
        raise TypeError(f"not a job of the English engine: {job!r:.80}")

    return work


def _voice(spec: EngineSpec) -> Work:
    from convonet.speech.local.voice import Voice

    voice = Voice(spec.voice)
    voice.synthesize_file("Hello.")
    voice.synthesize_pcm("Hello.")

    def work(job: object, _should_stop: Callable[[], bool]) -> object:
        match job:
            case SynthesizeFile(text):
                return voice.synthesize_file(text)
            case SynthesizePcm(text):
                return voice.synthesize_pcm(text)
        raise TypeError(f"not a job of the voice engine: {job!r:.80}")

    return work


def _second_of_silence() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.zeros(16_000, np.int16)
