"""The sound of one turn's answer on its way to the client: numbered, and noted in the turn's record."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

from convonet.protocol.server import AudioChunkOut, ServerMessage
from convonet.speech.base import SpokenAudio

Emit = Callable[[ServerMessage], None]

_BYTES_PER_SAMPLE = 2


class EmitAudio(Protocol):
    """Sends a binary frame: PCM16 of the answer that `turn_number` names, from `first_sample` on."""

    def __call__(self, pcm: bytes, turn_number: int, first_sample: int, is_last: bool) -> None: ...


class SpeechNotes(Protocol):
    """Where it is noted how the speaking goes; `TurnLog` is it."""

    def mark_stage(self, stage: str) -> None: ...

    def set_tts_provider(self, provider: str) -> None: ...


class NoNotes:
    """For what is spoken outside a turn."""

    def mark_stage(self, stage: str) -> None:
        """Note nothing."""

    def set_tts_provider(self, provider: str) -> None:
        """Note nothing."""


class AnswerAudio:
    """One per turn, whoever speaks it: an answer that fails is followed by an apology in the same turn."""

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
        """`on_first` is called when the first sound leaves."""
        self.turn_id = turn_id
        self.turn_number = turn_number
        self.emit = emit
        self.notes = notes or NoNotes()
        self._emit_audio = emit_audio
        self._on_first = on_first
        self._files = 0
        self._samples = 0

    def send_file(self, spoken: SpokenAudio | None, *, is_last: bool) -> None:
        """Send a complete file; None closes an answer that broke off."""
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
        """Send a piece of streamed sound, PCM16 mono."""
        self._begin()
        self._emit_audio(pcm, self.turn_number, self._samples, is_last=False)
        self._samples += len(pcm) // _BYTES_PER_SAMPLE

    def end_stream(self) -> None:
        """No more sound follows."""
        self._emit_audio(b"", self.turn_number, self._samples, is_last=True)
        self.notes.mark_stage("last_audio_ms")

    def start_over(self, turn_number: int) -> None:
        """What was streamed so far is void: the answer begins anew under another number."""
        self.turn_number, self._samples = turn_number, 0

    def _begin(self) -> None:
        if self._on_first is not None:
            self._on_first()
            self._on_first = None
        self.notes.mark_stage("first_audio_ms")
