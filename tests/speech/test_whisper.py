"""The recognizer of general English by itself, and its choice between its own transcript and a phrase."""

from itertools import pairwise

import numpy as np
import pytest

from convonet.speech.local.jobs import Hypothesis, Stopped
from convonet.speech.local.language_model import PhraseModel, build_phrase_model
from convonet.speech.local.phrases import Phrases
from convonet.speech.local.spectrum import BANDS, log_mel
from convonet.speech.local.whisper import Whisper
from tests.speech_samples import silence, speak, tone, white_noise

MILK = "add buy milk to my todo list"


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return PhraseModel(
        build_phrase_model(tmp_path_factory.mktemp("model"), Phrases(f"{MILK}\ncall mom\nnot a sentence\n"))
    )


@pytest.fixture(scope="module")
def whisper(expected):
    return Whisper(expected)


def heard(whisper, samples, phrase=None):
    listened = whisper.recognize(samples)
    return listened.hypothesis if phrase is None else whisper.choose(listened, Hypothesis(phrase, 0.0, ()))


def test_sentences_beyond_the_phrases_are_recognized(whisper):
    assert heard(whisper, speak("how old is the universe")).text == "how old is the universe"


def test_numbers_are_written_as_they_are_spoken(whisper):
    assert "friday at seven" in heard(whisper, speak("book a table for friday at seven", "rms")).text


def test_a_phrase_that_sounds_like_the_recording_is_chosen(whisper):
    assert "by milk" in heard(whisper, speak(MILK)).text
    assert heard(whisper, speak(MILK), MILK).text == MILK


def test_a_phrase_that_sounds_different_is_not_chosen(whisper):
    assert heard(whisper, speak("how old is the universe"), MILK).text == "how old is the universe"


def test_repetitions_of_a_sentence_are_cut(whisper):
    assert heard(whisper, speak("what's my yearly limit")).text == "what's my yearly limit"


def test_words_have_their_times(whisper):
    samples = speak("how old is the universe")
    words = heard(whisper, samples).words
    assert " ".join(word.text for word in words) == "how old is the universe"
    assert 0.4 < words[0].start < 0.9, "half a second of quiet comes first"
    assert all(a.end <= b.start + 0.01 for a, b in pairwise(words))
    assert words[-1].end < samples.size / 16_000 - 0.4


def test_a_recording_longer_than_a_window_is_recognized_to_the_end(whisper):
    long = np.concatenate([speak("how old is the universe"), silence(28.0), speak("is the highway blocked")])
    assert heard(whisper, long).text == "how old is the universe is the highway blocked"


@pytest.mark.parametrize("sound", [silence(0.0), silence(0.01), white_noise(0.3), tone(1.0)])
def test_no_recording_is_too_short_or_too_strange(whisper, sound):
    listened = whisper.recognize(sound)
    assert listened is None or whisper.choose(listened, Hypothesis(MILK, 0.0, ()))


def test_recognition_stops_on_request(whisper):
    with pytest.raises(Stopped):
        whisper.recognize(speak(MILK), lambda: True)


def test_phrases_are_more_probable_than_sentences_that_only_sound_like_them(expected):
    assert expected.log_probability(MILK) > expected.log_probability("add by milk to my total list") > -200
    assert expected.log_probability("call mom") > expected.log_probability("call xylographer")


def test_a_tone_is_loud_in_its_band_and_silence_follows():
    spectrum = log_mel(tone(1.0, hertz=1_000), 2.0)
    assert spectrum.shape == (BANDS, 200)
    assert 24 <= spectrum[:, 50].argmax() <= 28
    assert spectrum[:, 150].max() == pytest.approx(spectrum.min())
