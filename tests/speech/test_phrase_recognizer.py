"""The phrase recognizer by itself."""

import itertools

import numpy as np
import pytest

from convonet.speech.local.jobs import Stopped
from convonet.speech.local.language_model import build_phrase_model
from convonet.speech.local.level import PEAK, at_trained_level
from convonet.speech.local.phrase_recognizer import PhraseRecognizer
from convonet.speech.local.phrases import Phrases
from tests.speech_samples import silence, speak


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    phrases = Phrases("call mom\ncall dad\nbuy milk\n")
    return PhraseRecognizer(phrases, build_phrase_model(tmp_path_factory.mktemp("model"), phrases))


def test_an_empty_recording_has_no_hypothesis_and_the_recognizer_still_works(recognizer):
    assert recognizer.recognize(silence(0.0)) is None
    assert recognizer.recognize(speak("call mom")).text == "call mom"


def test_a_stopped_recognizer_can_be_used_again(recognizer):
    calls = itertools.count()
    with pytest.raises(Stopped):
        recognizer.recognize(speak("call dad"), lambda: next(calls) == 3)
    assert recognizer.recognize(speak("call dad")).text == "call dad"


def test_the_same_recording_always_has_the_same_hypothesis(recognizer):
    first, second = (recognizer.recognize(speak("buy milk")) for _ in range(2))
    assert first.text == second.text


def test_other_callers_recordings_change_nothing(recognizer):
    before = recognizer.recognize(speak("call mom")).score
    for _ in range(3):
        recognizer.recognize(speak("buy milk", voice="kal16"))
    # its codebook cache still differs by a hair; without a fresh start the score falls by 0.05
    assert recognizer.recognize(speak("call mom")).score == pytest.approx(before, abs=0.01)


@pytest.mark.parametrize("loudness", [0.01, 1.0])
def test_every_recording_is_normalized_to_one_level(loudness):
    samples = at_trained_level((speak("call mom") * loudness).astype(np.int16))
    assert np.abs(samples).max() == pytest.approx(PEAK, rel=0.05)


def test_digital_silence_is_filled_with_a_little_noise():
    assert 0 < np.abs(at_trained_level(silence(1.0))).max() < 50
