"""Speech that goes on when its provider does not: a second provider takes over within the same turn.

Who answered is in `Transcript.provider` and `SpokenAudio.provider`; a session compares it with `name` and tells the
caller.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

from convonet.errors import BadAudio, SpeechError, SpeechUnavailable
from convonet.metrics.definitions import FALLBACKS, PROVIDER_ERRORS
from convonet.metrics.recorder import metrics
from convonet.speech.base import Language, SpeechToText, SpokenAudio, TextToSpeech, Transcript, Utterance

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

COOL_DOWN_S = 15.0
"""A provider that failed is left alone this long, so that the next turns don't wait for it."""

PATIENCE_S = 1.5
"""A provider that has not answered by now gets company: the caller must not hear silence for its whole timeout."""


class Speech(SpeechToText, TextToSpeech, Protocol):
    """Hears and speaks."""


class SpeechWithFallback:
    """`primary` as long as it works, otherwise `secondary`. Hearing and speaking fail independently."""

    def __init__(
        self,
        primary: Speech,
        secondary: Speech,
        *,
        patience_s: float = PATIENCE_S,
        cool_down_s: float = COOL_DOWN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = primary.name
        self._primary = primary
        self._secondary = secondary
        names = (primary.name, secondary.name)
        self._hearing = _Pair("hearing", names, patience_s, cool_down_s, clock)
        self._speaking = _Pair("speaking", names, patience_s, cool_down_s, clock)

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`. What the primary can't decode, the secondary gets to try."""
        return await self._hearing.ask(
            lambda: self._primary.transcribe(utterance, language=language),
            lambda: self._secondary.transcribe(utterance, language=language),
        )

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """See `TextToSpeech.synthesize`."""
        return await self._speaking.ask(
            lambda: self._primary.synthesize(text, language=language),
            lambda: self._secondary.synthesize(text, language=language),
        )


class _Pair:
    """Asks the first, and the second when the first fails, is slow, or failed a moment ago."""

    def __init__(
        self,
        what: str,
        names: tuple[str, str],
        patience_s: float,
        cool_down_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._what = what
        self._first, self._second = names
        self._patience_s = patience_s
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._rests_until = float("-inf")

    async def ask(self, first: Callable[[], Awaitable[Answer]], second: Callable[[], Awaitable[Answer]]) -> Answer:
        if self._clock() < self._rests_until:
            return self._fell_back(await second())
        asked = asyncio.ensure_future(first())
        try:
            await asyncio.wait([asked], timeout=self._patience_s)
            if not asked.done():
                return await self._race(asked, second)
            return asked.result()
        except SpeechUnavailable as error:
            self._rest(str(error))
            return self._fell_back(await second())
        except BadAudio:
            return self._fell_back(await second())
        finally:
            asked.cancel()

    async def _race(self, asked: asyncio.Future[Answer], second: Callable[[], Awaitable[Answer]]) -> Answer:
        """The first answer of the two; the second's failure does not count while the first may still answer."""
        helper = asyncio.ensure_future(second())
        try:
            await asyncio.wait([asked, helper], return_when=asyncio.FIRST_COMPLETED)
            if asked.done() and isinstance(asked.exception(), SpeechUnavailable):
                self._rest(str(asked.exception()))
                return self._fell_back(await helper)
            if asked.done() or isinstance(helper.exception(), SpeechError):
                return await asked
            self._rest(f"no answer in {self._patience_s:g} s")
            return self._fell_back(helper.result())
        finally:
            helper.cancel()

    def _fell_back(self, answer: Answer) -> Answer:
        metrics.count(FALLBACKS, service=self._what, provider=self._second)
        return answer

    def _rest(self, reason: str) -> None:
        metrics.count(PROVIDER_ERRORS, service=self._what, provider=self._first)
        self._rests_until = self._clock() + self._cool_down_s
        log.warning("speech_provider_failed", what=self._what, reason=reason, rests_s=self._cool_down_s)
