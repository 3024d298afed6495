"""The hold tone: what a caller hears while nobody can hear them, so that silence is not mistaken for a dead connection.

A media leg plays it while the desk holds the caller, and the caller's replica while there is no media leg. It is the
chord that the voice page plays while a caller waits (ui/src/voice/hold-tone.ts).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np

from convonet.telephony.real_time import RATE, frames_of

CHORD_HZ = (294, 440)
CYCLE_S = 2.5
"""The chord swells and fades once; whole periods of both notes, so that the cycles join without a click."""

LOUDNESS = 0.03
"""Of full scale, for each note: about 30 dB below speech."""


def hold_tone() -> Iterator[bytes]:
    """Return the tone as PCM16 frames of 20 ms, without end. It begins in silence."""
    return itertools.cycle(_cycle())


@cache
def _cycle() -> tuple[bytes, ...]:
    seconds = np.arange(int(CYCLE_S * RATE)) / RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * seconds / CYCLE_S)
    chord = np.sum([np.sin(2 * np.pi * hertz * seconds) for hertz in CHORD_HZ], axis=0)
    return tuple(frames_of((32_767 * LOUDNESS * swell * chord).astype("<i2").tobytes()))
