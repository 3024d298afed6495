"""The protocols that a speech vendor implements, and the values that pass through them.

Each vendor is one package beside this module. Sessions and telephony see only these protocols.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, NewType, Protocol

Language = NewType("Language", str)
"""A BCP 47 tag such as `en-US`."""

AudioFormat = Literal["webm", "pcm16"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One finished recording, as the client sent it.

    `audio` is WebM/Opus from a browser's MediaRecorder. When `format` is `pcm16`, it is signed 16-bit little-endian
    mono PCM at `sample_rate` Hz.
    """

    audio: bytes
    format: AudioFormat = "webm"
    sample_rate: int = 16_000


@dataclass(frozen=True, slots=True)
class Word:
    """One recognized word; `start` and `end` are seconds from the utterance's start."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The recognized text. `confidence` is between 0 and 1, or None when the vendor does not report it."""

    text: str
    provider: str
    confidence: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class SpokenAudio:
    """A short text as a complete audio file of type `mime_type`."""

    audio: bytes
    mime_type: str
    provider: str


ANSWER_RATE = 24_000
"""Sample rate of streamed answers in Hz."""


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A piece of a streamed answer: `pcm` is signed 16-bit little-endian mono at `ANSWER_RATE` Hz."""

    pcm: bytes
    provider: str


class SpokenAnswer(Protocol):
    """One answer that is synthesized while it is being written: text goes in, audio comes out."""

    def speak(self, text: str) -> None:
        """Add the next piece, a whole sentence or clause without markup. Returns at once."""
        ...

    def finish(self) -> None:
        """Mark the end of the text."""
        ...

    def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """Yield the audio in order until all text up to `finish` is spoken. Call it only once.

        Closing the generator cancels the vendor's work. Raises `SpeechUnavailable`.
        """
        ...


class SpeechToText(Protocol):
    """Recognizes utterances."""

    name: str

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """Transcribe a finished utterance.

        Raises:
            NoSpeech: Nothing was said; ask the caller again.
            BadAudio: The recording can't be decoded.
            SpeechUnavailable: Another provider may work.
        """
        ...


class TextToSpeech(Protocol):
    """Synthesizes speech."""

    name: str

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """Synthesize `text`: at most 600 characters, without markup. Raises `SpeechUnavailable`."""
        ...

    def begin_answer(self, *, language: Language) -> SpokenAnswer:
        """Prepare to speak an answer that is still being written. Returns at once.

        A connection is opened in the background, so that it is ready for the first sentence.
        """
        ...
