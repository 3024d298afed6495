"""Synthetic callers for tests: sentences in several voices, and what a microphone picks up when nobody speaks.

The voices are those that the recognizer understands (of eSpeak NG's, only the Klatt ones): flite's from Debian's
package `flite`, eSpeak NG's from the wheel that the product itself speaks with.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from convonet.speech.decode import SAMPLE_RATE
from convonet.speech.local.voice import Espeak

Samples = npt.NDArray[np.int16]

FLITE_VOICES = ("slt", "rms", "kal16")
ESPEAK_VOICES = ("en-us+klatt5", "en-us+klatt3")
VOICES = (*FLITE_VOICES, *ESPEAK_VOICES)

TODO_SENTENCES = {
    "add buy milk to my todo list": "buy milk",
    "add call the dentist to my todo list": "call the dentist",
    "remind me to pay the rent": "pay the rent",
    "add pick up dry cleaning to my list": "pick up dry cleaning",
    "create a todo to water the plants": "water the plants",
    "put walk the dog on my list": "walk the dog",
    "remind me to book a flight to london": "book a flight to london",
    "add wash the car to my todo list": "wash the car",
    "create a task to finish the report": "finish the report",
    "remind me to buy a birthday present for my sister": "buy a birthday present for my sister",
}
"""What callers say, and the title that must come of it."""

LEAD_SILENCE_S = 0.5
"""A caller presses the button before speaking; a recognizer's level estimate needs it too."""

MICROPHONE_NOISE = 12.0
"""Standard deviation of the background of a quiet room, of 32,768."""


@cache
def _espeak() -> Espeak:
    return Espeak(ESPEAK_VOICES[0])


def speak(sentence: str, voice: str = "slt") -> Samples:
    """`sentence` as a caller with `voice` says it: 16 kHz mono, with 0.5 s of quiet before and after."""
    if voice in FLITE_VOICES:
        spoken = _speak_with_flite(sentence, voice)
    else:
        _espeak().use(voice)
        spoken = _resample(_espeak().samples(sentence), _espeak().sample_rate)
    pause = silence(LEAD_SILENCE_S)
    return np.concatenate([pause, spoken, pause])


def silence(seconds: float) -> Samples:
    """Digital silence: a muted microphone."""
    return np.zeros(int(seconds * SAMPLE_RATE), np.int16)


def white_noise(seconds: float, level: float = MICROPHONE_NOISE, seed: int = 1) -> Samples:
    """White noise with standard deviation `level` (of 32,768)."""
    noise = np.random.default_rng(seed).normal(0.0, level, int(seconds * SAMPLE_RATE))
    return noise.clip(-32_768, 32_767).astype(np.int16)


def tone(seconds: float, hertz: float = 440.0, level: float = 8_000.0) -> Samples:
    """A steady sine."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def clicks(seconds: float, per_second: float = 4.0, level: int = 20_000) -> Samples:
    """A pen tapping on the table."""
    samples = white_noise(seconds)
    decay = np.exp(-np.arange(80) / 15.0) * level
    for start in range(0, samples.size - decay.size, int(SAMPLE_RATE / per_second)):
        samples[start : start + decay.size] += (decay * np.cos(np.arange(decay.size))).astype(np.int16)
    return samples


def wav_bytes(samples: Samples) -> bytes:
    """A WAV file, as Chromium's fake microphone wants it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(SAMPLE_RATE)
        sink.writeframes(samples.tobytes())
    return file.getvalue()


def webm_bytes(samples: Samples, bit_rate: int = 32_000) -> bytes:
    """WebM/Opus as a browser's MediaRecorder makes it: 48 kHz, 60 ms frames, live (no duration, no index)."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono", bit_rate=bit_rate)
        stream.options = {"frame_duration": "60", "application": "voip"}
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def samples_of(audio: bytes) -> Samples:
    """Any audio file (an MP3 answer, say) as 16 kHz mono samples."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def _speak_with_flite(sentence: str, voice: str) -> Samples:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(path)], check=True, timeout=30)
        return samples_of(path.read_bytes())


def _resample(samples: Samples, sample_rate: int) -> Samples:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = sample_rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    pieces = (*resampler.resample(frame), *resampler.resample(None))
    return np.concatenate([piece.to_ndarray()[0] for piece in pieces])
