"""Decoding of good and hostile recordings."""

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.core.errors import BadAudio
from convonet.speech.base import Utterance
from convonet.speech.decode import SAMPLE_RATE, UtteranceTooLong, decode
from tests.speech_samples import silence, tone, wav_bytes, webm_bytes

TONE = webm_bytes(tone(2.0))


def seconds_of(utterance, max_seconds=30.0):
    return decode(utterance, max_seconds=max_seconds).size / SAMPLE_RATE


def pitch(samples):
    return np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / samples.size


def test_webm_becomes_16_khz_mono():
    samples = decode(Utterance(TONE), max_seconds=30)
    assert samples.dtype == np.int16
    assert samples.size / SAMPLE_RATE == pytest.approx(2.0, abs=0.1)
    assert pitch(samples) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100, 48_000])
def test_pcm16_of_any_rate_becomes_16_khz_mono(sample_rate):
    sound = (8_000 * np.sin(2 * np.pi * 440 * np.arange(2 * sample_rate) / sample_rate)).astype("<i2")
    samples = decode(Utterance(sound.tobytes(), "pcm16", sample_rate), max_seconds=30)
    assert samples.size / SAMPLE_RATE == pytest.approx(2.0, abs=0.01)
    assert pitch(samples) == pytest.approx(440, abs=2)


def test_an_odd_byte_at_the_end_of_pcm16_is_dropped():
    assert seconds_of(Utterance(silence(1.0).tobytes() + b"\x01", "pcm16")) == pytest.approx(1.0)


@pytest.mark.parametrize("sample_rate", [-1, 0, 7_999, 10**9])
def test_an_impossible_sample_rate_is_bad_audio(sample_rate):
    with pytest.raises(BadAudio):
        decode(Utterance(b"\0\0" * 100, "pcm16", sample_rate), max_seconds=30)


@pytest.mark.parametrize(
    "audio",
    [
        b"",
        b"\x1a\x45\xdf\xa3",
        b"rubbish" * 1_000,
        np.random.default_rng(1).bytes(1_000_000),
        bytes(1_000_000),
        TONE[2_000:],
        wav_bytes(tone(1.0)),
        b"v=0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n",
        b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n",
    ],
    ids=["empty", "magic only", "text", "random", "zeros", "no header", "wav", "sdp", "hls"],
)
def test_input_that_is_not_webm_is_refused_quickly(audio):
    started = time.monotonic()
    with pytest.raises(BadAudio):
        decode(Utterance(audio), max_seconds=30)
    assert time.monotonic() - started < 1.0


def test_a_truncated_recording_keeps_what_came_before_the_cut():
    assert 0.5 < seconds_of(Utterance(TONE[: len(TONE) // 2])) < 1.5


def test_only_the_damaged_packet_is_skipped():
    damaged = bytearray(TONE)
    damaged[len(TONE) // 2 : len(TONE) // 2 + 40] = bytes(40)
    assert seconds_of(Utterance(bytes(damaged))) > 1.0


def test_too_long_a_recording_is_refused_without_decoding_the_rest():
    two_hours_of_nothing = webm_bytes(silence(20 * 60), bit_rate=6_000)
    started = time.monotonic()
    with pytest.raises(UtteranceTooLong, match="30 s") as raised:
        decode(Utterance(two_hours_of_nothing), max_seconds=30)
    assert raised.value.code == "utterance_too_long"
    assert time.monotonic() - started < 1.0


def test_a_recording_of_just_the_limit_is_accepted():
    assert seconds_of(Utterance(webm_bytes(silence(5.0))), max_seconds=5.0) == pytest.approx(5.0, abs=0.2)


@settings(max_examples=300, deadline=2_000)
@given(st.data())
def test_damage_of_any_kind_gives_samples_or_bad_audio(data):
    damaged = bytearray(TONE)
    for _ in range(data.draw(st.integers(1, 20))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["flip", "cut out", "insert", "truncate"])):
            case "flip":
                damaged[place] ^= data.draw(st.integers(1, 255))
            case "cut out":
                del damaged[place : place + data.draw(st.integers(1, 400))]
            case "insert":
                damaged[place:place] = data.draw(st.binary(max_size=64))
            case "truncate":
                del damaged[max(1, place) :]
        if not damaged:
            damaged = bytearray(b"\0")
    with contextlib.suppress(BadAudio):
        assert 0 < seconds_of(Utterance(bytes(damaged))) < 31
