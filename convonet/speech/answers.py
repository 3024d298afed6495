"""What every streamed answer is made of: its text as it grows, whole samples, and speaking sentence by sentence."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable

from convonet.core.errors import AnswerBroken, SpeechUnavailable
from convonet.speech.base import SpokenAnswer, SpokenChunk
from convonet.speech.playout import CHUNK_BYTES, Playout
from convonet.speech.text import speakable

SENTENCES_AT_ONCE = 2
"""One that sounds and the next one, so that no pause is between them. More would only hold more of a vendor's limit."""

SynthesizeSentence = Callable[[str], AsyncGenerator[bytes, None]]
"""Speaks one sentence: PCM16 at `ANSWER_RATE` in pieces of any length. Raises `SpeechUnavailable`."""


class AnswerText:
    """The text of an answer that is still being written, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.finished = False
        self.changed = asyncio.Event()
        """Set when a piece or the end has come; the one who waits for it clears it."""
        self._followers: list[SpokenAnswer] = []

    def speak(self, text: str) -> None:
        """See `SpokenAnswer.speak`. A piece in which nothing can be spoken is left out."""
        plain = speakable(text)
        if not any(character.isalnum() for character in plain):
            return
        self.pieces.append(plain)
        # who speaks it comes first
        for answer in self._followers:
            answer.speak(plain)
        self.changed.set()

    def finish(self) -> None:
        """See `SpokenAnswer.finish`."""
        self.finished = True
        self.changed.set()
        for answer in self._followers:
            answer.finish()

    def forward_to(self, answer: SpokenAnswer, start: int) -> None:
        """Give `answer` the pieces from number `start` on, also those that are still to come."""
        for piece in self.pieces[start:]:
            answer.speak(piece)
        if self.finished:
            answer.finish()
        self._followers.append(answer)

    async def has_piece(self, number: int) -> bool:
        """Wait for the piece of this number, counted from 0; False when the text ends before it."""
        while len(self.pieces) <= number and not self.finished:
            self.changed.clear()
            await self.changed.wait()
        return len(self.pieces) > number


class WholeSamples:
    """Joins sound that arrives in pieces of any length into pieces of whole 16-bit samples."""

    def __init__(self) -> None:
        self._half = b""

    def add(self, pcm: bytes) -> bytes:
        """Take the next piece; return all whole samples that are there now."""
        if self._half:
            pcm = self._half + pcm
        whole = len(pcm) & ~1
        self._half = pcm[whole:]
        return pcm[:whole]


class SentenceAnswer(AnswerText):
    """Speaks one piece after the other, by a call for each; the next one is being made while one sounds."""

    def __init__(self, synthesize_sentence: SynthesizeSentence, provider: str) -> None:
        super().__init__()
        self._synthesize_sentence = synthesize_sentence
        self._provider = provider
        self._making: deque[_Sentence] = deque()
        self._begun = 0
        self._open = False

    def speak(self, text: str) -> None:
        """See `SpokenAnswer.speak`."""
        super().speak(text)
        self._begin_due()

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """See `SpokenAnswer.chunks`. Raises `AnswerBroken`."""
        self._open = True
        self._begin_due()
        sounded = 0
        playout = Playout()
        try:
            while await self.has_piece(sounded):
                while pcm := await self._making[0].sound(playout.next_by):
                    playout.add(pcm)
                    yield SpokenChunk(pcm, self._provider)
                self._making.popleft()
                sounded += 1
                self._begin_due()
        except SpeechUnavailable as error:
            raise AnswerBroken(str(error), sounded=sounded) from error
        finally:
            self._open = False
            for sentence in self._making:
                await sentence.stop()

    def _begin_due(self) -> None:
        while self._open and len(self._making) < SENTENCES_AT_ONCE and self._begun < len(self.pieces):
            self._making.append(_Sentence(self._synthesize_sentence(self.pieces[self._begun])))
            self._begun += 1


class _Sentence:
    """One sentence in the making; its sound waits here until its turn has come."""

    def __init__(self, sound: AsyncGenerator[bytes, None]) -> None:
        self._made: asyncio.Queue[bytes] = asyncio.Queue()
        """Ended by an empty piece."""
        self._is_over = False
        self._samples = WholeSamples()
        self._task = asyncio.create_task(self._make(sound))

    async def sound(self, by: float) -> bytes:
        """The next of it, gathered until then; nothing when it is over. Raises what went wrong."""
        gathered = bytearray()
        with contextlib.suppress(TimeoutError):
            while len(gathered) < CHUNK_BYTES and not self._is_over:
                async with asyncio.timeout_at(by if gathered else None):
                    pcm = await self._made.get()
                gathered += self._samples.add(pcm)
                self._is_over = not pcm
        if not gathered:
            await self._task
        return bytes(gathered)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _make(self, sound: AsyncGenerator[bytes, None]) -> None:
        try:
            async with contextlib.aclosing(sound):
                async for pcm in sound:
                    if pcm:
                        self._made.put_nowait(pcm)
        finally:
            self._made.put_nowait(b"")
