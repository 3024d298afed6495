"""Building blocks of the vendors' streamed answers: text that grows, whole samples, synthesis by sentence."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable

from convonet.core.errors import AnswerBroken, SpeechUnavailable
from convonet.speech.base import SpokenAnswer, SpokenChunk
from convonet.speech.playout import CHUNK_BYTES, Playout
from convonet.speech.text import speakable

MAX_CONCURRENT_SENTENCES = 2
"""The sentence that plays and the next one, so that there is no pause between them. More would only use up the
vendor's limit of concurrent requests."""

SynthesizeSentence = Callable[[str], AsyncGenerator[bytes, None]]
"""Synthesizes one sentence as PCM16 at `ANSWER_RATE`, in pieces of any length. Raises `SpeechUnavailable`."""


class AnswerText:
    """The text of an answer that is still being written, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.finished = False
        self.changed = asyncio.Event()
        """Set when a piece or the end of the text arrives. The waiting reader clears it."""
        self._followers: list[SpokenAnswer] = []

    def speak(self, text: str) -> None:
        """See `SpokenAnswer.speak`. A piece without a letter or digit is left out."""
        plain = speakable(text)
        if not any(character.isalnum() for character in plain):
            return
        self.pieces.append(plain)
        # followers first: the audio is what the caller waits for
        for answer in self._followers:
            answer.speak(plain)
        self.changed.set()

    def finish(self) -> None:
        self.finished = True
        self.changed.set()
        for answer in self._followers:
            answer.finish()

    def forward_to(self, answer: SpokenAnswer, start: int) -> None:
        """Pass the pieces from number `start` on to `answer`, including those that are still to come."""
        for piece in self.pieces[start:]:
            answer.speak(piece)
        if self.finished:
            answer.finish()
        self._followers.append(answer)

    async def has_piece(self, number: int) -> bool:
        """Wait for the piece with this number, counted from 0. Returns False when the text ends before it."""
        while len(self.pieces) <= number and not self.finished:
            self.changed.clear()
            await self.changed.wait()
        return len(self.pieces) > number


class WholeSamples:
    """Joins audio that arrives in pieces of any length into pieces of whole 16-bit samples."""

    def __init__(self) -> None:
        self._half = b""

    def add(self, pcm: bytes) -> bytes:
        """Add the next piece and return all whole samples that have arrived."""
        if self._half:
            pcm = self._half + pcm
        whole = len(pcm) & ~1
        self._half = pcm[whole:]
        return pcm[:whole]


class SentenceAnswer(AnswerText):
    """Synthesizes each sentence with a call of its own; the next sentence is requested while one plays."""

    def __init__(self, synthesize_sentence: SynthesizeSentence, provider: str) -> None:
        super().__init__()
        self._synthesize_sentence = synthesize_sentence
        self._provider = provider
        self._sentences: deque[_Sentence] = deque()
        self._requested = 0
        self._is_open = False

    def speak(self, text: str) -> None:
        super().speak(text)
        self._request_due()

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """See `SpokenAnswer.chunks`. Raises `AnswerBroken`."""
        self._is_open = True
        self._request_due()
        sounded = 0
        playout = Playout()
        try:
            while await self.has_piece(sounded):
                while pcm := await self._sentences[0].next_audio(playout.next_by):
                    playout.add(pcm)
                    yield SpokenChunk(pcm, self._provider)
                self._sentences.popleft()
                sounded += 1
                self._request_due()
        except SpeechUnavailable as error:
            raise AnswerBroken(str(error), sounded=sounded) from error
        finally:
            self._is_open = False
            for sentence in self._sentences:
                await sentence.stop()

    def _request_due(self) -> None:
        while self._is_open and len(self._sentences) < MAX_CONCURRENT_SENTENCES and self._requested < len(self.pieces):
            self._sentences.append(_Sentence(self._synthesize_sentence(self.pieces[self._requested])))
            self._requested += 1


class _Sentence:
    """One sentence that is being synthesized. Its audio is queued here until the sentence before it has played."""

    def __init__(self, audio: AsyncGenerator[bytes, None]) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        """Ends with an empty piece."""
        self._is_over = False
        self._samples = WholeSamples()
        self._task = asyncio.create_task(self._synthesize(audio))

    async def next_audio(self, by: float) -> bytes:
        """Wait for audio, then collect more until `by` on the loop's clock; empty at the end. Raises its error."""
        gathered = bytearray()
        with contextlib.suppress(TimeoutError):
            while len(gathered) < CHUNK_BYTES and not self._is_over:
                async with asyncio.timeout_at(by if gathered else None):
                    pcm = await self._queue.get()
                gathered += self._samples.add(pcm)
                self._is_over = not pcm
        if not gathered:
            await self._task
        return bytes(gathered)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _synthesize(self, audio: AsyncGenerator[bytes, None]) -> None:
        try:
            async with contextlib.aclosing(audio):
                async for pcm in audio:
                    if pcm:
                        self._queue.put_nowait(pcm)
        finally:
            self._queue.put_nowait(b"")
