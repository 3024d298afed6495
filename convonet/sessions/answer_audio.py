"""The audio of one turn's answer: numbers its pieces for the client and marks its stages for the turn's record."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

from convonet.protocol.server import AudioChunkOut, ServerMessage
from convonet.speech.base import SpokenAudio

Emit = Callable[[ServerMessage], None]

_BYTES_PER_SAMPLE = 2


class EmitAudio(Protocol):
    """Sends PCM16 of the answer of turn `turn_number`, starting at sample `first_sample`, as a binary frame."""

    def __call__(self, pcm: bytes, turn_number: int, first_sample: int, is_last: bool) -> None: ...


class SpeechNotes(Protocol):
    """Notes the stages and the provider of synthesis; implemented by `TurnRecordBuilder`."""

    def mark_stage(self, stage: str) -> None: ...

    def set_tts_provider(self, provider: str) -> None: ...


class NoNotes:
    """`SpeechNotes` for speech outside a turn, which has no record."""

    def mark_stage(self, stage: str) -> None:
        """Do nothing."""

    def set_tts_provider(self, provider: str) -> None:
        """Do nothing."""


class AnswerAudio:
    """The audio of one turn. A failed answer and the apology after it share one instance."""

    def __init__(
        self,
        turn_id: str,
        turn_number: int,
        emit: Emit,
        emit_audio: EmitAudio,
        *,
        notes: SpeechNotes | None = None,
        on_first: Callable[[], None] | None = None,
    ) -> None:
        """`on_first` is called when the first audio is sent."""
        self.turn_id = turn_id
        self.turn_number = turn_number
        self.emit = emit
        self.notes = notes or NoNotes()
        self._emit_audio = emit_audio
        self._on_first = on_first
        self._files = 0
        self._samples = 0

    def send_file(self, spoken: SpokenAudio | None, *, is_last: bool) -> None:
        """Send a complete audio file. None ends an answer that broke off."""
        self._begin()
        audio = spoken.audio if spoken else b""
        self.emit(
            AudioChunkOut(
                turn_id=self.turn_id,
                chunk_index=self._files,
                data_b64=base64.b64encode(audio).decode(),
                mime_type=spoken.mime_type if spoken else "audio/mpeg",
                is_final=is_last,
                total_chunks=self._files + 1 if is_last and audio else None,
            )
        )
        self._files += 1
        if is_last:
            self.notes.mark_stage("last_audio_ms")

    def send_pcm(self, pcm: bytes) -> None:
        """Send a piece of streamed audio, PCM16 mono."""
        self._begin()
        self._emit_audio(pcm, self.turn_number, self._samples, is_last=False)
        self._samples += len(pcm) // _BYTES_PER_SAMPLE

    def end_stream(self) -> None:
        """Send the frame that ends the streamed audio."""
        self._emit_audio(b"", self.turn_number, self._samples, is_last=True)
        self.notes.mark_stage("last_audio_ms")

    def start_over(self, turn_number: int) -> None:
        """Start numbering again: the answer is streamed from its beginning as turn `turn_number`."""
        self.turn_number, self._samples = turn_number, 0

    def _begin(self) -> None:
        if self._on_first is not None:
            self._on_first()
            self._on_first = None
        self.notes.mark_stage("first_audio_ms")
