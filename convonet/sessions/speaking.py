"""Speakers, which synthesize an answer while it is still being written, as a PCM stream or as audio files."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import structlog

from convonet.core.errors import ErrorCode, SpeechUnavailable
from convonet.core.trace import current_traceparent
from convonet.protocol.server import ErrorMessage, Status
from convonet.sessions.answer_audio import AnswerAudio
from convonet.sessions.messages import AudioMode
from convonet.speech.base import Language, SpokenAudio, SpokenChunk, TextToSpeech
from convonet.speech.text import SentenceCutter, speakable
from convonet.tracing.spans import span

log = structlog.get_logger(__name__)

CANNOT_SPEAK = "I can't speak right now, so please read my answer."


class Speaker(Protocol):
    """Speaks one answer. `run` belongs to the turn's task group and ends after `finish`."""

    def feed(self, text: str) -> None:
        """Add the next piece of the answer."""
        ...

    def finish(self) -> None:
        """Speak the rest: the answer is complete."""
        ...

    async def run(self) -> None:
        """Send the audio in order. When synthesis fails, tell the client once."""
        ...


def speaker_for(
    mode: AudioMode,
    tts: TextToSpeech,
    language: Language,
    audio: AnswerAudio,
    *,
    timeout_s: float,
    group: asyncio.TaskGroup,
) -> Speaker:
    """Create the speaker for a client's audio mode; its tasks run in `group`."""
    if mode == "stream":
        return StreamSpeaker(tts, language, audio, timeout_s=timeout_s)
    return FileSpeaker(tts, language, audio, timeout_s=timeout_s, group=group)


class StreamSpeaker:
    """Passes each complete sentence to TTS, and sends the audio as it arrives."""

    def __init__(self, tts: TextToSpeech, language: Language, audio: AnswerAudio, *, timeout_s: float) -> None:
        self._name = tts.name
        self._answer = tts.begin_answer(language=language)
        self._audio = audio
        self._timeout_s = timeout_s
        self._cutter = SentenceCutter(eager=True)
        self._finished = False
        self._timeout: asyncio.Timeout | None = None
        self._fell_back = False

    def feed(self, text: str) -> None:
        for sentence in self._cutter.feed(text):
            self._speak(sentence)

    def finish(self) -> None:
        for sentence in self._cutter.flush():
            self._speak(sentence)
        self._answer.finish()
        self._finished = True
        self._restart_timeout()

    async def run(self) -> None:
        with span("speak") as speak_span:
            try:
                async with asyncio.timeout(None) as self._timeout, contextlib.aclosing(self._answer.chunks()) as chunks:
                    self._restart_timeout()
                    async for chunk in chunks:
                        self._send(chunk)
                speak_span.set(provider=self._name)
            except (SpeechUnavailable, TimeoutError) as error:
                log.warning("speech_synthesis_failed", error=str(error))
                speak_span.status = "failed"
                self._fail()
            except Exception:
                # the top of a task: the turn must end whatever TTS does
                log.exception("speech_synthesis_crashed")
                speak_span.status = "failed"
                self._fail()
        self._audio.end_stream()

    def _speak(self, sentence: str) -> None:
        self._audio.notes.mark_stage("first_sentence_ms")
        if plain := speakable(sentence):
            self._answer.speak(plain)

    def _restart_timeout(self) -> None:
        """Restart the timeout once the answer is complete: only TTS can be slow from then on."""
        if self._finished and self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._timeout_s)

    def _send(self, chunk: SpokenChunk) -> None:
        self._audio.notes.mark_stage("tts_ms")
        self._audio.notes.set_tts_provider(chunk.provider)
        if chunk.provider != self._name and not self._fell_back:
            self._fell_back = True
            self._audio.emit(_fallback_status(self._name, chunk.provider, self._audio.turn_id))
        self._audio.send_pcm(chunk.pcm)
        self._restart_timeout()

    def _fail(self) -> None:
        self._audio.emit(ErrorMessage(code=ErrorCode.TTS_FAILED, message=CANNOT_SPEAK, turn_id=self._audio.turn_id))


class FileSpeaker:
    """Sends each sentence as an audio file. Several are synthesized at once and sent in order."""

    def __init__(
        self,
        tts: TextToSpeech,
        language: Language,
        audio: AnswerAudio,
        *,
        timeout_s: float,
        group: asyncio.TaskGroup,
    ) -> None:
        self._tts = tts
        self._language = language
        self._audio = audio
        self._timeout_s = timeout_s
        self._group = group
        self._cutter = SentenceCutter(eager=True)
        self._pending: asyncio.Queue[asyncio.Task[SpokenAudio | None] | None] = asyncio.Queue()
        self._finished = False
        self._fell_back = False
        self._sentences = 0
        # captured now, since `feed` is called within another span
        self._traceparent = current_traceparent()

    def feed(self, text: str) -> None:
        for sentence in self._cutter.feed(text):
            self._start_synthesis(sentence)

    def finish(self) -> None:
        for sentence in self._cutter.flush():
            self._start_synthesis(sentence)
        self._finished = True
        self._pending.put_nowait(None)

    async def run(self) -> None:
        last_sent = False
        while (task := await self._pending.get()) is not None:
            spoken = await task
            if spoken is None:
                turn_id = self._audio.turn_id
                self._audio.emit(ErrorMessage(code=ErrorCode.TTS_FAILED, message=CANNOT_SPEAK, turn_id=turn_id))
                break
            self._report_fallback(spoken)
            last_sent = self._finished and self._pending.qsize() == 1
            self._audio.send_file(spoken, is_last=last_sent)
        if not last_sent:
            self._audio.send_file(None, is_last=True)

    def _start_synthesis(self, sentence: str) -> None:
        self._audio.notes.mark_stage("first_sentence_ms")
        self._sentences += 1
        self._pending.put_nowait(self._group.create_task(self._traced(sentence, self._sentences)))

    async def _traced(self, sentence: str, number: int) -> SpokenAudio | None:
        with span("speak", parent=self._traceparent, sentence=number) as speak_span:
            spoken = await self._synthesize(sentence, is_first=number == 1)
            if spoken is None:
                speak_span.status = "failed"
            else:
                speak_span.set(provider=spoken.provider)
        return spoken

    async def _synthesize(self, sentence: str, *, is_first: bool) -> SpokenAudio | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                spoken = await self._tts.synthesize(sentence, language=self._language)
            if is_first:
                # a later sentence may be ready earlier, but is not sent before it
                self._audio.notes.mark_stage("tts_ms")
            self._audio.notes.set_tts_provider(spoken.provider)
            return spoken
        except (SpeechUnavailable, TimeoutError) as error:
            log.warning("speech_synthesis_failed", error=str(error))
        except Exception:
            # the top of a task: the turn must end whatever TTS does
            log.exception("speech_synthesis_crashed")
        return None

    def _report_fallback(self, spoken: SpokenAudio) -> None:
        if spoken.provider != self._tts.name and not self._fell_back:
            self._fell_back = True
            self._audio.emit(_fallback_status(self._tts.name, spoken.provider, self._audio.turn_id))


def _fallback_status(name: str, provider: str, turn_id: str) -> Status:
    return Status(message=f"{name} is not answering; {provider} speaks instead.", turn_id=turn_id)
