"""Audio between a page and a telephone line: what goes in comes out, in time, and no alias with it."""

import numpy as np
import pytest

from convonet.telephony import mulaw
from convonet.telephony.pacing import CUSHION_S, FRAME_BYTES, FRAME_S, LEAD_S, MAX_WAITING, Pacer
from convonet.telephony.resampling import PAGE_RATE, TELEPHONE_RATE, FromTelephone, ToTelephone
from tests.fixtures.clock import Clock

PAGE_FRAME = 640
"""Bytes of 20 ms at 16 kHz."""


def tone(hertz, seconds=1.0, rate=PAGE_RATE, amplitude=8_000):
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype("<i2")


def level(samples):
    """Root mean square of the middle, where no filter begins or ends."""
    middle = samples[len(samples) // 4 : -len(samples) // 4].astype(float)
    return np.sqrt((middle**2).mean())


def to_line(samples):
    pcm, line = samples.tobytes(), ToTelephone()
    return mulaw.decode(b"".join(line.convert(pcm[at : at + PAGE_FRAME]) for at in range(0, len(pcm), PAGE_FRAME)))


def test_mulaw_codes_are_those_of_the_standard():
    # ITU-T G.711 table 2: the extremes, both zeros, and a value in the middle of the first segment
    assert mulaw.decode(bytes([0x00, 0x80, 0xFF, 0x7F, 0xF0])).tolist() == [-32124, 32124, 0, 0, 120]
    assert mulaw.encode(np.array([0, 32_767, -32_768, 120], np.int16)) == bytes([0xFF, 0x80, 0x00, 0xF0])


def test_every_code_survives_the_way_through_samples():
    codes = bytes(code for code in range(256) if code != 0x7F)
    assert mulaw.encode(mulaw.decode(codes)) == codes


@pytest.mark.parametrize(("hertz", "kept"), [(300, 1.0), (1_000, 1.0), (3_000, 1.0), (5_000, 0.0), (7_000, 0.0)])
def test_speech_reaches_the_line_and_what_it_cannot_carry_leaves_no_alias(hertz, kept):
    sent = tone(hertz)
    assert level(to_line(sent)) / level(sent) == pytest.approx(kept, abs=0.04)


def test_the_line_reaches_the_page_with_its_sound_and_length():
    code, page = mulaw.encode(tone(1_000, rate=TELEPHONE_RATE)), FromTelephone()
    heard = b"".join(page.convert(code[at : at + FRAME_BYTES]) for at in range(0, len(code), FRAME_BYTES))
    samples = np.frombuffer(heard, "<i2")
    assert PAGE_RATE - len(samples) < PAGE_RATE * 0.005
    assert level(samples) / level(tone(1_000)) == pytest.approx(1, abs=0.04)
    spectrum = np.abs(np.fft.rfft(samples[: PAGE_RATE // 2]))
    assert int(spectrum.argmax()) * 2 == 1_000


def test_nothing_in_is_nothing_out():
    assert ToTelephone().convert(b"") == b""
    assert FromTelephone().convert(b"") == b""


def test_frames_are_sent_ahead_by_the_lead_and_then_at_the_pace_of_their_playing():
    clock = Clock(100.0)
    pacer = Pacer(clock)
    pacer.add_audio(bytes(FRAME_BYTES * 8))
    ahead = round(LEAD_S / FRAME_S)
    assert len(pacer.due_frames()) == ahead
    assert pacer.wait_s() == pytest.approx(0, abs=1e-9)
    sent = 0
    for _ in range(5):
        clock.now += FRAME_S
        sent += len(pacer.due_frames())
    assert sent == 5
    assert pacer.wait_s() is None


def test_what_comes_too_fast_is_dropped_oldest_first():
    pacer = Pacer(Clock(100.0))
    frames = [bytes([number]) * FRAME_BYTES for number in range(MAX_WAITING + 5)]
    pacer.add_audio(b"".join(frames))
    assert pacer.dropped == 5
    assert pacer.due_frames()[0] == frames[5]


def test_after_a_pause_nothing_waits_for_the_past():
    clock = Clock(100.0)
    pacer = Pacer(clock)
    pacer.add_audio(bytes(FRAME_BYTES))
    pacer.due_frames()
    clock.now += 10
    pacer.add_audio(bytes(FRAME_BYTES * 2))
    assert len(pacer.due_frames()) == 2


def test_a_delay_that_stands_is_made_up_for():
    clock = Clock(100.0)
    pacer = Pacer(clock)
    # the network was slow once: eight frames at once, and from then on one each 20 ms
    pacer.add_audio(bytes(FRAME_BYTES * 8))
    delays = []
    for _ in range(100):
        pacer.due_frames()
        clock.now += FRAME_S
        delays.append(pacer.delay_s)
        pacer.add_audio(bytes(FRAME_BYTES))
    assert delays[10] > 0.1
    assert delays[-1] <= CUSHION_S + FRAME_S
    assert pacer.dropped < 8


def test_pieces_of_any_length_become_whole_frames():
    pacer = Pacer(Clock(100.0))
    for size in (100, 59, 1, 320):
        pacer.add_audio(bytes(size))
    assert [len(frame) for frame in pacer.due_frames()] == [FRAME_BYTES] * 3
