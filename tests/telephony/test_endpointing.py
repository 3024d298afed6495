"""One side of a talk, cut where it pauses."""

import numpy as np
import pytest

from convonet.telephony.endpointing import LEAD_S, MAX_UTTERANCE_S, PAUSE_S, RATE, Endpointer
from tests.speech_samples import silence, speak

FRAME = 320


def frames(*pieces):
    samples = np.concatenate(pieces)
    return [samples[i : i + FRAME].astype("<i2").tobytes() for i in range(0, len(samples) - FRAME + 1, FRAME)]


def cut(*pieces):
    side = Endpointer()
    return [sentence for frame in frames(*pieces) if (sentence := side.add_frame(frame)) is not None]


def seconds(sentence):
    return len(sentence) / 2 / RATE


def noise(length, level):
    return np.random.default_rng(1).normal(0, level, int(length * RATE)).astype(np.int16)


def test_two_sentences_with_a_pause_are_two():
    one, two = speak("hello there", "slt"), speak("how can I help you", "slt")
    found = cut(silence(1.0), one, silence(1.5), two, silence(1.5))
    assert len(found) == 2
    for sentence, spoken in zip(found, (one, two), strict=True):
        # the voice itself begins and ends with silence
        assert 0.5 < seconds(sentence) - PAUSE_S < len(spoken) / RATE + LEAD_S


def test_silence_a_line_s_noise_and_a_click_are_no_sentences():
    click = np.zeros(RATE // 10, np.int16)
    click[:400] = 20_000
    assert cut(silence(2.0), noise(3.0, 60), click, silence(1.5)) == []


def test_somebody_who_never_pauses_is_cut_all_the_same():
    found = cut(noise(30.0, 3_000), silence(1.0))
    assert [seconds(sentence) for sentence in found[:2]] == [pytest.approx(MAX_UTTERANCE_S, abs=0.1)] * 2
