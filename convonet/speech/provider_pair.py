"""The choice between two providers of one service: the second helps when the first fails or is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from convonet.core.errors import BadAudio, SpeechError, SpeechUnavailable
from convonet.metrics.definitions import FALLBACKS, PROVIDER_ERRORS
from convonet.metrics.recorder import metrics

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

COOL_DOWN_S = 15.0
"""A provider that failed is not called for this long, so that the next turns don't wait for it."""

FALLBACK_DELAY_S = 1.5
"""The second provider is called too when the first has not answered within this time. Otherwise the caller would hear
silence for the first provider's whole timeout."""


class ProviderPair:
    """Calls the first provider, and the second when the first fails, is slow, or failed a moment ago."""

    def __init__(
        self,
        service: str,
        names: tuple[str, str],
        fallback_delay_s: float,
        cool_down_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._service = service
        self._first, self._second = names
        self._fallback_delay_s = fallback_delay_s
        self._cool_down_s = cool_down_s
        self._clock = clock
        self._cools_down_until = float("-inf")

    @property
    def first_cools_down(self) -> bool:
        """True if the first provider failed within the last `cool_down_s` seconds."""
        return self._clock() < self._cools_down_until

    async def call(self, first: Callable[[], Awaitable[Answer]], second: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer of the first provider, or of the second where that can help."""
        if self.first_cools_down:
            return self._fell_back(await second())
        asked = asyncio.ensure_future(first())
        try:
            await asyncio.wait([asked], timeout=self._fallback_delay_s)
            if not asked.done():
                return await self._race(asked, second)
            return asked.result()
        except SpeechUnavailable as error:
            self.start_cool_down(str(error))
            return self._fell_back(await second())
        except BadAudio:
            return self._fell_back(await second())
        finally:
            asked.cancel()

    def start_cool_down(self, reason: str) -> None:
        """Note that the first provider failed: it is not called for `cool_down_s` seconds."""
        metrics.count(PROVIDER_ERRORS, service=self._service, provider=self._first)
        self._cools_down_until = self._clock() + self._cool_down_s
        log.warning("speech_provider_failed", what=self._service, reason=reason, rests_s=self._cool_down_s)

    def count_fallback(self) -> None:
        """Count an answer of the second provider in place of the first."""
        metrics.count(FALLBACKS, service=self._service, provider=self._second)

    async def _race(self, asked: asyncio.Future[Answer], second: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return whichever answer is first. The second's failure is ignored while the first may still answer."""
        helper = asyncio.ensure_future(second())
        try:
            await asyncio.wait([asked, helper], return_when=asyncio.FIRST_COMPLETED)
            if asked.done() and isinstance(asked.exception(), SpeechUnavailable):
                self.start_cool_down(str(asked.exception()))
                return self._fell_back(await helper)
            if asked.done() or isinstance(helper.exception(), SpeechError):
                return await asked
            self.start_cool_down(f"no answer in {self._fallback_delay_s:g} s")
            return self._fell_back(helper.result())
        finally:
            helper.cancel()

    def _fell_back(self, answer: Answer) -> Answer:
        self.count_fallback()
        return answer
