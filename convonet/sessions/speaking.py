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
    voice: TextToSpeech,
    language: Language,
    audio: AnswerAudio,
    *,
    timeout_s: float,
    group: asyncio.TaskGroup,
) -> Speaker:
    """Create the speaker for a client's audio mode; its tasks run in `group`."""
    if mode == "stream":
        return StreamSpeaker(voice, language, audio, timeout_s=timeout_s)
    return FileSpeaker(voice, language, audio, timeout_s=timeout_s, group=group)


class StreamSpeaker:
    """Passes each complete sentence to TTS, and sends the audio as it arrives."""

    def __init__(self, voice: TextToSpeech, language: Language, audio: AnswerAudio, *, timeout_s: float) -> None:
        self._name = voice.name
        self._answer = voice.begin_answer(language=language)
        self._audio = audio
        self._timeout_s = timeout_s
        self._cutter = SentenceCutter(eager=True)
        self._finished = False
        self._limit: asyncio.Timeout | None = None
        self._fell_back = False

    def feed(self, text: str) -> None:
        for sentence in self._cutter.feed(text):
            self._speak(sentence)

    def finish(self) -> None:
        for sentence in self._cutter.flush():
            self._speak(sentence)
        self._answer.finish()
        self._finished = True
        self._expect_sound()

    async def run(self) -> None:
        with span("speak") as speaking:
            try:
                async with asyncio.timeout(None) as self._limit, contextlib.aclosing(self._answer.chunks()) as chunks:
                    self._expect_sound()
                    async for chunk in chunks:
                        self._send(chunk)
                speaking.set(provider=self._name)
            except (SpeechUnavailable, TimeoutError) as error:
                log.warning("speech_synthesis_failed", error=str(error))
                speaking.status = "failed"
                self._fail()
            except Exception:
                # the top of a task: the turn must end whatever TTS does
                log.exception("speech_synthesis_crashed")
                speaking.status = "failed"
                self._fail()
        self._audio.end_stream()

    def _speak(self, sentence: str) -> None:
        self._audio.notes.mark_stage("first_sentence_ms")
        if plain := speakable(sentence):
            self._answer.speak(plain)

    def _expect_sound(self) -> None:
        """Restart the timeout once the answer is complete: only TTS can be slow from then on."""
        if self._finished and self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._timeout_s)

    def _send(self, chunk: SpokenChunk) -> None:
        self._audio.notes.mark_stage("tts_ms")
        self._audio.notes.set_tts_provider(chunk.provider)
        if chunk.provider != self._name and not self._fell_back:
            self._fell_back = True
            self._audio.emit(_fell_back(self._name, chunk.provider, self._audio.turn_id))
        self._audio.send_pcm(chunk.pcm)
        self._expect_sound()

    def _fail(self) -> None:
        self._audio.emit(ErrorMessage(code=ErrorCode.TTS_FAILED, message=CANNOT_SPEAK, turn_id=self._audio.turn_id))


class FileSpeaker:
    """Sends each sentence as an audio file. Several are synthesized at once and sent in order."""

    def __init__(
        self,
        voice: TextToSpeech,
        language: Language,
        audio: AnswerAudio,
        *,
        timeout_s: float,
        group: asyncio.TaskGroup,
    ) -> None:
        self._voice = voice
        self._language = language
        self._audio = audio
        self._timeout_s = timeout_s
        self._group = group
        self._cutter = SentenceCutter(eager=True)
        self._pending: asyncio.Queue[asyncio.Task[SpokenAudio | None] | None] = asyncio.Queue()
        self._finished = False
        self._fell_back = False
        self._sentences = 0
        # `feed` is called within another span
        self._traceparent = current_traceparent()

    def feed(self, text: str) -> None:
        for sentence in self._cutter.feed(text):
            self._start(sentence)

    def finish(self) -> None:
        for sentence in self._cutter.flush():
            self._start(sentence)
        self._finished = True
        self._pending.put_nowait(None)

    async def run(self) -> None:
        closed = False
        while (task := await self._pending.get()) is not None:
            spoken = await task
            if spoken is None:
                turn_id = self._audio.turn_id
                self._audio.emit(ErrorMessage(code=ErrorCode.TTS_FAILED, message=CANNOT_SPEAK, turn_id=turn_id))
                break
            self._tell_fallback(spoken)
            closed = self._finished and self._pending.qsize() == 1
            self._audio.send_file(spoken, is_last=closed)
        if not closed:
            self._audio.send_file(None, is_last=True)

    def _start(self, sentence: str) -> None:
        self._audio.notes.mark_stage("first_sentence_ms")
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

    def _tell_fallback(self, spoken: SpokenAudio) -> None:
        if spoken.provider != self._voice.name and not self._fell_back:
            self._fell_back = True
            self._audio.emit(_fell_back(self._voice.name, spoken.provider, self._audio.turn_id))


def _fell_back(name: str, provider: str, turn_id: str) -> Status:
    return Status(message=f"{name} is not answering; {provider} speaks instead.", turn_id=turn_id)
