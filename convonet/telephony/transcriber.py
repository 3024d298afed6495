"""Transcribes the talk between caller and desk, as long as the recognizer keeps up; the talk never waits for it."""

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
"""Utterances. A recognizer that is further behind is busy with callers of the agent, who need it more."""

STT_TIMEOUT_S = 10.0


class Transcriber:
    """Transcribes one talk and reports each transcript entry, in order."""

    def __init__(self, stt: SpeechToText, language: Language, report: Callable[[Spoken], Awaitable[None]]) -> None:
        self._stt = stt
        self._language = language
        self._report = report
        self._endpointers = {who: Endpointer() for who in Who}
        self._waiting: asyncio.Queue[tuple[Who, bytes]] = asyncio.Queue(MAX_WAITING)
        self._missed = 0

    def add_audio(self, who: Who, pcm: bytes) -> None:
        """Add audio of one speaker: PCM16, 16 kHz."""
        utterance = self._endpointers[who].add_frame(pcm)
        if utterance is None:
            return
        if self._waiting.full():
            self._missed += 1
            return
        self._waiting.put_nowait((who, utterance))

    async def run(self) -> None:
        """Transcribe until cancelled."""
        while True:
            who, utterance = await self._waiting.get()
            try:
                async with asyncio.timeout(STT_TIMEOUT_S):
                    transcript = await self._stt.transcribe(
                        Utterance(utterance, "pcm16", RATE), language=self._language
                    )
            except (SpeechError, TimeoutError) as error:
                log.info("sentence_not_heard", reason=type(error).__name__, missed=self._missed)
                continue
            await self._report(Spoken(who=who, text=transcript.text))
