"""What the product needs from a speech vendor: two small protocols and the values that pass through them.

Each vendor is one module beside this one; sessions see only these protocols.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, NewType, Protocol

Language = NewType("Language", str)
"""BCP 47 tag such as `en-US`."""

AudioFormat = Literal["webm", "pcm16"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One finished recording, as the client sent it.

    `audio` is WebM/Opus as a browser's MediaRecorder made it, or signed 16-bit little-endian mono PCM at
    `sample_rate` Hz when `format` is `pcm16`.
    """

    audio: bytes
    format: AudioFormat = "webm"
    sample_rate: int = 16_000


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word; `start` and `end` are seconds from the utterance's start."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. `confidence` is 0..1 where the vendor tells, else None."""

    text: str
    provider: str
    confidence: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class SpokenAudio:
    """One sentence group as playable audio: a complete file of type `mime_type`."""

    audio: bytes
    mime_type: str
    provider: str


ANSWER_RATE = 24_000
"""Samples a second of an answer that is streamed."""


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A piece of an answer, as the voice made it: `pcm` is signed 16-bit little-endian mono at `ANSWER_RATE` Hz."""

    pcm: bytes
    provider: str


class SpokenAnswer(Protocol):
    """One answer on its way to sound: text goes in as it is written, sound comes out as it is made."""

    def speak(self, text: str) -> None:
        """Add the next piece, a whole sentence or clause without markup; returns at once."""
        ...

    def finish(self) -> None:
        """There is no more text."""
        ...

    def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """The sound in order, until all that was given before `finish` is spoken; to be called once.

        Closing the generator stops the vendor's work. Raises `SpeechUnavailable`.
        """
        ...


class SpeechToText(Protocol):
    """Turns one utterance into text."""

    name: str

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """Transcribe a finished utterance.

        Raises `NoSpeech` (ask the caller again), `BadAudio` (not decodable) or `SpeechUnavailable`
        (another provider may work).
        """
        ...


class TextToSpeech(Protocol):
    """Turns a short text into audio."""

    name: str

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """Speak `text` (at most 600 characters, no markup).

        Raises `SpeechUnavailable`.
        """
        ...

    def begin_answer(self, *, language: Language) -> SpokenAnswer:
        """Get ready to speak an answer that is still being written; returns at once.

        What takes time (a connection) begins here, so that it is there when the first sentence is.
        """
        ...
