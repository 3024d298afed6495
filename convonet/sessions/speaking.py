"""Turns an answer into audio while it is still being written: sentence by sentence, in order."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Protocol

import structlog

from convonet.errors import ErrorCode, SpeechUnavailable
from convonet.protocol.server import AudioChunkOut, ErrorMessage, ServerMessage, Status
from convonet.speech.base import Language, SpokenAudio, TextToSpeech
from convonet.speech.text import SentenceCutter
from convonet.tracing.spans import current_traceparent, span

log = structlog.get_logger(__name__)

Emit = Callable[[ServerMessage], None]


class SpeechNotes(Protocol):
    """Where it is noted how the speaking goes; `TurnLog` is it."""

    def mark(self, stage: str) -> None: ...

    def spoken_by(self, provider: str) -> None: ...


class NoNotes:
    """For what is spoken outside a turn."""

    def mark(self, stage: str) -> None:
        """Note nothing."""

    def spoken_by(self, provider: str) -> None:
        """Note nothing."""


class Speaker:
    """Speaks one turn's answer.

    Sentences are synthesised as they come, several at once, and leave in order. `run` belongs to the turn's task
    group and ends after `finish`.
    """

    def __init__(
        self,
        voice: TextToSpeech,
        language: Language,
        turn_id: str,
        emit: Emit,
        *,
        timeout_s: float,
        first_index: int,
        note: SpeechNotes,
        group: asyncio.TaskGroup,
    ) -> None:
        self._voice = voice
        self._language = language
        self._turn_id = turn_id
        self._emit = emit
        self._timeout_s = timeout_s
        self._index = first_index
        self._note = note
        self._group = group
        self._cutter = SentenceCutter()
        self._pending: asyncio.Queue[asyncio.Task[SpokenAudio | None] | None] = asyncio.Queue()
        self._finished = False
        self._fell_back = False
        self._sentences = 0
        # what feeds the answer in works below a span of its own
        self._traceparent = current_traceparent()

    def feed(self, text: str) -> None:
        """Take the next piece of the answer."""
        for sentence in self._cutter.feed(text):
            self._start(sentence)

    def finish(self) -> None:
        """The answer is complete: speak what is left."""
        for sentence in self._cutter.flush():
            self._start(sentence)
        self._finished = True
        self._pending.put_nowait(None)

    async def run(self) -> None:
        """Send the audio in order; tell the client once when nobody can speak."""
        closed = False
        while (task := await self._pending.get()) is not None:
            spoken = await task
            if spoken is None:
                message = "I can't speak right now, so please read my answer."
                self._emit(ErrorMessage(code=ErrorCode.TTS_FAILED, message=message, turn_id=self._turn_id))
                break
            self._tell_fallback(spoken)
            closed = self._finished and self._pending.qsize() == 1
            self._send(spoken.audio, spoken.mime_type, is_final=closed)
        if not closed:
            self._send(b"", "audio/mpeg", is_final=True)

    def _start(self, sentence: str) -> None:
        self._note.mark("first_sentence_ms")
        self._sentences += 1
        self._pending.put_nowait(self._group.create_task(self._traced(sentence, self._sentences)))

    async def _traced(self, sentence: str, number: int) -> SpokenAudio | None:
        with span("speak", parent=self._traceparent, sentence=number) as speaking:
            spoken = await self._synthesize(sentence, is_first=number == 1)
            if spoken is None:
                speaking.status = "failed"
            else:
                speaking.set(provider=spoken.provider)
        return spoken

    async def _synthesize(self, sentence: str, *, is_first: bool) -> SpokenAudio | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                spoken = await self._voice.synthesize(sentence, language=self._language)
            if is_first:
                # a later sentence may be audio before it: nobody hears that one yet
                self._note.mark("tts_ms")
            self._note.spoken_by(spoken.provider)
            return spoken
        except (SpeechUnavailable, TimeoutError) as error:
            log.warning("speech_synthesis_failed", error=str(error))
        except Exception:
            # a task's top: whatever a voice does, the turn must come to its end
            log.exception("speech_synthesis_crashed")
        return None

    def _send(self, audio: bytes, mime_type: str, *, is_final: bool) -> None:
        self._emit(
            AudioChunkOut(
                turn_id=self._turn_id,
                chunk_index=self._index,
                data_b64=base64.b64encode(audio).decode(),
                mime_type=mime_type,
                is_final=is_final,
                total_chunks=self._index + 1 if is_final and audio else None,
            )
        )
        self._index += 1

    def _tell_fallback(self, spoken: SpokenAudio) -> None:
        if spoken.provider != self._voice.name and not self._fell_back:
            self._fell_back = True
            message = f"{self._voice.name} is not answering; {spoken.provider} speaks instead."
            self._emit(Status(message=message, turn_id=self._turn_id))
