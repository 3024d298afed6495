"""An answer by Deepgram: over a socket as far as one is there and lives, otherwise sentence by sentence."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import structlog

from convonet.core.errors import AnswerBroken
from convonet.speech.answers import AnswerText, Say, SentenceAnswer
from convonet.speech.base import SpokenChunk
from convonet.speech.deepgram.exchange import Exchange, Pace
from convonet.speech.deepgram.sockets import SpeakSockets
from convonet.speech.deepgram.speak_socket import SocketLost
from convonet.tracing.spans import start_span, status_of

log = structlog.get_logger(__name__)

NAME = "deepgram"


class DeepgramAnswer(AnswerText):
    """`SpokenAnswer` by Deepgram. A socket is taken at the first sentence, and made ready from the beginning."""

    def __init__(self, sockets: SpeakSockets, say: Say, pace: Pace, *, model: str) -> None:
        super().__init__()
        self._pace = pace
        self._sockets = sockets
        self._say = say
        self._model = model
        sockets.announce()

    async def chunks(self) -> AsyncGenerator[SpokenChunk, None]:
        """See `SpokenAnswer.chunks`. Raises `AnswerBroken`."""
        if not await self.holds(0):
            return
        # not a block's span: the block would be left at each chunk
        speaking = start_span("synthesise", kind="client", provider=NAME, model=self._model)
        try:
            async with contextlib.aclosing(self._sound()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except BaseException as error:
            speaking.status = status_of(error)
            speaking.end(type(error).__name__)
            raise
        finally:
            speaking.end()

    async def _sound(self) -> AsyncGenerator[SpokenChunk, None]:
        sounded = 0
        socket = await self._sockets.take()
        if socket is None:
            log.info("spoken_by_requests", reason="no socket")
        else:
            exchange = Exchange(socket, self, self._pace)
            try:
                async with contextlib.aclosing(exchange.sound()) as sound:
                    async for pcm in sound:
                        yield SpokenChunk(pcm, NAME)
            except SocketLost as error:
                log.warning("spoken_by_requests", reason=str(error), sounded=exchange.sounded)
            finally:
                self._sockets.give_back(socket, is_clean=exchange.is_complete)
            sounded = exchange.sounded
        if await self.holds(sounded):
            async with contextlib.aclosing(self._by_requests(sounded)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _by_requests(self, start: int) -> AsyncGenerator[SpokenChunk, None]:
        rest = SentenceAnswer(self._say, NAME)
        self.hand_on(rest, start)
        try:
            async with contextlib.aclosing(rest.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except AnswerBroken as error:
            raise AnswerBroken(str(error), sounded=start + error.sounded) from error
