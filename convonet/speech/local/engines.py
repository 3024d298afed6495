"""The engines of the worker processes. Each imports its library when it is built: no process loads another's."""

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
"""Does one job; the second argument tells whether it should stop."""


def build(spec: EngineSpec) -> Work:
    """Build and warm up the engine of `spec`: its first job must not take longer than the others."""
    match spec.kind:
        case "callers":
            return _callers(spec)
        case "general":
            return _general(spec)
        case "voice":
            return _voice(spec)


def _callers(spec: EngineSpec) -> Work:
    from convonet.speech.decode import decode
    from convonet.speech.local.language_model import build_phrase_model
    from convonet.speech.local.phrase_recognizer import PhraseRecognizer
    from convonet.speech.local.phrases import Phrases
    from convonet.speech.vad import SpeechGate

    phrases = Phrases.load()
    recognizer = PhraseRecognizer(phrases, build_phrase_model(spec.data_dir / "speech", phrases))
    gate = SpeechGate()
    gate.holds_speech(_second_of_silence())
    recognizer.recognize(_second_of_silence())

    def work(job: object, stop_requested: Callable[[], bool]) -> object:
        match job:
            case PrepareRecording(utterance):
                samples = decode(utterance, max_seconds=spec.max_seconds)
                if not gate.holds_speech(samples):
                    raise NoSpeech("the gate heard no speech")
                return samples
            case RecognizePhrase(samples):
                return recognizer.recognize(samples, stop_requested)
        raise TypeError(f"not a job for callers: {job!r:.80}")

    return work


def _general(spec: EngineSpec) -> Work:
    from convonet.speech.local.language_model import PhraseModel, build_phrase_model
    from convonet.speech.local.phrases import Phrases
    from convonet.speech.local.whisper import Whisper

    whisper = Whisper(PhraseModel(build_phrase_model(spec.data_dir / "speech", Phrases.load())))
    whisper.recognize(_second_of_silence())

    def work(job: object, stop_requested: Callable[[], bool]) -> object:
        match job:
            case RecognizeEnglish(samples):
                return whisper.recognize(samples, stop_requested)
            case ChooseTranscript(listened, phrase):
                return whisper.choose(listened, phrase)
        raise TypeError(f"not a job for general English: {job!r:.80}")

    return work


def _voice(spec: EngineSpec) -> Work:
    from convonet.speech.local.voice import Voice

    voice = Voice(spec.voice)
    voice.synthesize_file("Hello.")
    voice.synthesize_pcm("Hello.")

    def work(job: object, _stop_requested: Callable[[], bool]) -> object:
        match job:
            case SynthesizeFile(text):
                return voice.synthesize_file(text)
            case SynthesizePcm(text):
                return voice.synthesize_pcm(text)
        raise TypeError(f"not a job for a voice: {job!r:.80}")

    return work


def _second_of_silence() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.zeros(16_000, np.int16)
