"""A streamed answer of two voices: the second speaks when the first gives no sound in time, or from where it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from convonet.core.errors import AnswerBroken
from convonet.speech.answers import AnswerText
from convonet.speech.base import SpokenAnswer, SpokenChunk
from convonet.speech.provider_pair import ProviderPair


class FallbackAnswer(AnswerText):
    """`SpokenAnswer` by whichever of two voices can. `first` and `second` begin one with them."""

    def __init__(
        self, pair: ProviderPair, first: Callable[[], SpokenAnswer], second: Callable[[], SpokenAnswer]
    ) -> None:
        super().__init__()
        self._pair = pair
        self._second = second
        self._voices: list[_Voice] = []
        self._first: _Voice | None = None
        if not pair.first_cools_down:
            self._first = self._begin(first, 0)

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """See `SpokenAnswer.chunks`."""
        try:
            if self._first is not None:
                # it waits for the first piece by itself, and speaks it without a step through here
                self._first.start()
            if not await self.has_piece(0):
                return
            voice = await self._first_to_sound()
            try:
                if voice.opening is not None:
                    yield voice.opening
                async for chunk in voice.stream:
                    yield chunk
            except AnswerBroken as error:
                if voice is not self._first:
                    raise
                self._pair.start_cool_down(str(error))
                self._pair.count_fallback()
                async for chunk in self._begin(self._second, error.sounded).stream:
                    yield chunk
        finally:
            for voice in self._voices:
                await voice.close()

    async def _first_to_sound(self) -> _Voice:
        first = self._first
        if first is None:
            self._pair.count_fallback()
            return self._begin(self._second, 0)
        return await self._pair.call(first.sounds, lambda: self._begin(self._second, 0).sounds())

    def _begin(self, begin: Callable[[], SpokenAnswer], start: int) -> _Voice:
        answer = begin()
        self.forward_to(answer, start)
        voice = _Voice(answer)
        self._voices.append(voice)
        return voice


class _Voice:
    """One voice's answer: its first chunk, where that had to be waited for, and the stream of the others."""

    def __init__(self, answer: SpokenAnswer) -> None:
        self.stream = answer.chunks()
        self.opening: SpokenChunk | None = None
        self._asked: asyncio.Task[SpokenChunk | None] | None = None

    def start(self) -> asyncio.Task[SpokenChunk | None]:
        """Begin to wait for the first chunk."""
        if self._asked is None:
            self._asked = asyncio.ensure_future(anext(self.stream, None))
        return self._asked

    async def sounds(self) -> _Voice:
        """Wait for the first chunk. Raises what `SpokenAnswer.chunks` raises."""
        self.opening = await self.start()
        return self

    async def close(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
            await asyncio.gather(self._asked, return_exceptions=True)
        await self.stream.aclose()
