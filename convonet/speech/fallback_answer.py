"""A streamed answer of two providers: the second takes over when the first is late, or where it breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from convonet.core.errors import AnswerBroken
from convonet.speech.answers import AnswerText
from convonet.speech.base import SpokenAnswer, SpokenChunk
from convonet.speech.provider_pair import ProviderPair


class FallbackAnswer(AnswerText):
    """`SpokenAnswer` from the first of two providers that works; `first` and `second` begin an answer with each."""

    def __init__(
        self, pair: ProviderPair, first: Callable[[], SpokenAnswer], second: Callable[[], SpokenAnswer]
    ) -> None:
        super().__init__()
        self._pair = pair
        self._second = second
        self._answers: list[_ProviderAnswer] = []
        self._first: _ProviderAnswer | None = None
        if not pair.first_cools_down:
            self._first = self._begin(first, 0)

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        try:
            if self._first is not None:
                # it waits for the first piece by itself, which saves a switch of tasks before the first audio
                self._first.start()
            if not await self.has_piece(0):
                return
            answer = await self._first_with_audio()
            try:
                if answer.first_chunk is not None:
                    yield answer.first_chunk
                async for chunk in answer.stream:
                    yield chunk
            except AnswerBroken as error:
                if answer is not self._first:
                    raise
                self._pair.start_cool_down(str(error))
                self._pair.count_fallback()
                async for chunk in self._begin(self._second, error.sounded).stream:
                    yield chunk
        finally:
            for answer in self._answers:
                await answer.close()

    async def _first_with_audio(self) -> _ProviderAnswer:
        first = self._first
        if first is None:
            self._pair.count_fallback()
            return self._begin(self._second, 0)
        return await self._pair.call(first.wait_for_audio, lambda: self._begin(self._second, 0).wait_for_audio())

    def _begin(self, begin: Callable[[], SpokenAnswer], start: int) -> _ProviderAnswer:
        spoken = begin()
        self.forward_to(spoken, start)
        answer = _ProviderAnswer(spoken)
        self._answers.append(answer)
        return answer


class _ProviderAnswer:
    """One provider's answer: its first chunk, once that was waited for, and the stream of the others."""

    def __init__(self, answer: SpokenAnswer) -> None:
        self.stream = answer.chunks()
        self.first_chunk: SpokenChunk | None = None
        self._waiting: asyncio.Task[SpokenChunk | None] | None = None

    def start(self) -> asyncio.Task[SpokenChunk | None]:
        """Start waiting for the first chunk."""
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(anext(self.stream, None))
        return self._waiting

    async def wait_for_audio(self) -> _ProviderAnswer:
        """Wait for the first chunk. Raises what `SpokenAnswer.chunks` raises."""
        self.first_chunk = await self.start()
        return self

    async def close(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        await self.stream.aclose()
