"""The embedded voice: eSpeak NG synthesizes text as MP3 or PCM.

eSpeak NG is GPL-3. So it is loaded only in a worker process of its own (see `worker.py`), which the rest of the product
reaches through a pipe. No other process of ours loads the library.
"""

from __future__ import annotations

import ctypes
import io

import av
import espeakng_loader
import numpy as np
import numpy.typing as npt

from convonet.core.errors import SpeechUnavailable
from convonet.speech.base import ANSWER_RATE
from convonet.speech.text import speakable

Samples = npt.NDArray[np.int16]

WORDS_PER_MINUTE = 160
"""Rate at which our own recognizer understands the voice best (word error rate 0.8 %); the library's default is 175."""

MP3_BIT_RATE = 48_000
"""Lowest rate at which 22 kHz mono speech has no audible loss: 6 kB a second."""

SILENCE_S = 0.1
"""Length of the silence for a text without words (an emoji): players refuse an empty file."""

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PARAMETER_RATE = 1
_POSITION_CHARACTER = 1
_FLAGS_UTF8_NO_MARKUP = 1

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, whose state is global: make one `Espeak` per process and use it from one thread."""

    def __init__(self, voice: str, *, words_per_minute: int = WORDS_PER_MINUTE) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_folder = espeakng_loader.get_data_path().encode()
        self.sample_rate = int(self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data_folder, 0))
        if self.sample_rate <= 0:
            raise SpeechUnavailable("eSpeak NG does not start")
        self._pieces: list[bytes] = []
        self._callback = _CALLBACK(self._collect)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
        self.use(voice)

    def use(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SpeechUnavailable(f"eSpeak NG has no voice {voice}")

    def samples(self, text: str) -> Samples:
        """Synthesize `text`; markup is read as plain characters."""
        self._pieces.clear()
        encoded = text.encode() + b"\0"
        status = self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded)), 0, _POSITION_CHARACTER, 0, _FLAGS_UTF8_NO_MARKUP, None, None
        )
        if status != 0:
            raise SpeechUnavailable(f"eSpeak NG failed with status {status}")
        return np.frombuffer(b"".join(self._pieces), np.int16)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short] | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0


class Voice:
    """Synthesizes texts of at most 600 characters; one without words becomes a moment of silence."""

    def __init__(self, voice: str) -> None:
        self._espeak = Espeak(voice)

    def synthesize_file(self, text: str) -> bytes:
        """Synthesize `text` as one complete MP3 file."""
        return encode_mp3(self._samples(text), self._espeak.sample_rate)

    def synthesize_pcm(self, text: str) -> bytes:
        """Synthesize `text` as PCM16 at `ANSWER_RATE`."""
        return resampled(self._samples(text), self._espeak.sample_rate, ANSWER_RATE)

    def _samples(self, text: str) -> Samples:
        plain = speakable(text)
        return self._espeak.samples(plain) if plain else np.zeros(int(SILENCE_S * self._espeak.sample_rate), np.int16)


def encode_mp3(samples: Samples, sample_rate: int) -> bytes:
    """Encode mono samples as one MP3 file."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=sample_rate, layout="mono", bit_rate=MP3_BIT_RATE)
        container.mux(stream.encode(_frame(samples, sample_rate)))
        container.mux(stream.encode(None))
    return file.getvalue()


def resampled(samples: Samples, sample_rate: int, wanted: int) -> bytes:
    """Resample mono samples to the rate `wanted`, as PCM16."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted)
    frames = [*resampler.resample(_frame(samples, sample_rate)), *resampler.resample(None)]
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


def _frame(samples: Samples, sample_rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = sample_rate
    return frame
