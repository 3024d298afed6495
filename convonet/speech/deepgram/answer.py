"""A streamed answer by Deepgram: over a pooled WebSocket, or with a request for each sentence."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import structlog

from convonet.core.errors import AnswerBroken
from convonet.speech.answers import AnswerText, SentenceAnswer, SynthesizeSentence
from convonet.speech.base import SpokenChunk
from convonet.speech.deepgram.exchange import Exchange, SpeechRate
from convonet.speech.deepgram.socket_pool import SpeakSocketPool
from convonet.speech.deepgram.speak_socket import SocketClosed
from convonet.tracing.spans import start_span, status_of

log = structlog.get_logger(__name__)

NAME = "deepgram"


class DeepgramAnswer(AnswerText):
    """`SpokenAnswer` by Deepgram. The pool prepares a socket at once; it is taken at the first sentence."""

    def __init__(
        self, sockets: SpeakSocketPool, synthesize_sentence: SynthesizeSentence, rate: SpeechRate, *, model: str
    ) -> None:
        super().__init__()
        self._rate = rate
        self._sockets = sockets
        self._synthesize_sentence = synthesize_sentence
        self._model = model
        sockets.announce()

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """See `SpokenAnswer.chunks`. Raises `AnswerBroken`."""
        if not await self.has_piece(0):
            return
        # not a `with` block: a generator leaves its context at each chunk
        speaking = start_span("synthesise", kind="client", provider=NAME, model=self._model)
        try:
            async with contextlib.aclosing(self._audio()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except BaseException as error:
            speaking.status = status_of(error)
            speaking.end(type(error).__name__)
            raise
        finally:
            speaking.end()

    async def _audio(self) -> AsyncGenerator[SpokenChunk, None]:
        sounded = 0
        socket = await self._sockets.take()
        if socket is None:
            log.info("spoken_by_requests", reason="no socket")
        else:
            exchange = Exchange(socket, self, self._rate)
            try:
                async with contextlib.aclosing(exchange.audio()) as audio:
                    async for pcm in audio:
                        yield SpokenChunk(pcm, NAME)
            except SocketClosed as error:
                log.warning("spoken_by_requests", reason=str(error), sounded=exchange.sounded)
            finally:
                self._sockets.give_back(socket, is_clean=exchange.is_complete)
            sounded = exchange.sounded
        if await self.has_piece(sounded):
            async with contextlib.aclosing(self._by_requests(sounded)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _by_requests(self, start: int) -> AsyncGenerator[SpokenChunk, None]:
        rest = SentenceAnswer(self._synthesize_sentence, NAME)
        self.forward_to(rest, start)
        try:
            async with contextlib.aclosing(rest.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AnswerBroken as error:
            raise AnswerBroken(str(error), sounded=start + error.sounded) from error
