"""Writes down what the two say to each other, as far as the recognizer keeps up: the talk itself never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from convonet.core.errors import SpeechError
from convonet.speech.base import Language, SpeechToText, Utterance
from convonet.telephony.endpointing import RATE, Endpointer
from convonet.telephony.messages import Spoken, Who

log = structlog.get_logger(__name__)

MAX_WAITING = 6
"""Endpointer; a recognizer that is further behind is needed more elsewhere."""

STT_TIMEOUT_S = 10.0


class Transcriber:
    """One talk. `note` gets each sentence, in order."""

    def __init__(self, ear: SpeechToText, language: Language, note: Callable[[Spoken], Awaitable[None]]) -> None:
        self._ear = ear
        self._language = language
        self._note = note
        self._sides = {who: Endpointer() for who in Who}
        self._waiting: asyncio.Queue[tuple[Who, bytes]] = asyncio.Queue(MAX_WAITING)
        self._missed = 0

    def add(self, who: Who, pcm: bytes) -> None:
        """Add what one of them says: PCM16, 16 kHz."""
        sentence = self._sides[who].add(pcm)
        if sentence is None:
            return
        if self._waiting.full():
            self._missed += 1
            return
        self._waiting.put_nowait((who, sentence))

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            who, sentence = await self._waiting.get()
            try:
                async with asyncio.timeout(STT_TIMEOUT_S):
                    heard = await self._ear.transcribe(Utterance(sentence, "pcm16", RATE), language=self._language)
            except (SpeechError, TimeoutError) as error:
                log.info("sentence_not_heard", reason=type(error).__name__, missed=self._missed)
                continue
            await self._note(Spoken(who=who, text=heard.text))
