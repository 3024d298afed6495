"""Speech with a fallback: when the first provider fails, a second one takes over within the same turn.

`Transcript.provider`, `SpokenAudio.provider` and `SpokenChunk.provider` name the provider that answered. A session
compares it with `name` and tells the caller about a fallback.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from convonet.speech.base import Language, SpeechToText, SpokenAnswer, SpokenAudio, TextToSpeech, Transcript, Utterance
from convonet.speech.fallback_answer import FallbackAnswer
from convonet.speech.provider_pair import COOL_DOWN_S, FALLBACK_DELAY_S, ProviderPair


class SpeechProvider(SpeechToText, TextToSpeech, Protocol):
    """A vendor that offers both recognition and synthesis."""


class SpeechWithFallback:
    """Uses `primary` as long as it works, otherwise `secondary`. Recognition and synthesis fail independently."""

    def __init__(
        self,
        primary: SpeechProvider,
        secondary: SpeechProvider,
        *,
        fallback_delay_s: float = FALLBACK_DELAY_S,
        cool_down_s: float = COOL_DOWN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = primary.name
        self._primary = primary
        self._secondary = secondary
        names = (primary.name, secondary.name)
        self._stt = ProviderPair("hearing", names, fallback_delay_s, cool_down_s, clock)
        self._tts = ProviderPair("speaking", names, fallback_delay_s, cool_down_s, clock)

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`. A recording that the primary can't decode goes to the secondary."""
        return await self._stt.call(
            partial(self._primary.transcribe, utterance, language=language),
            partial(self._secondary.transcribe, utterance, language=language),
        )

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        return await self._tts.call(
            partial(self._primary.synthesize, text, language=language),
            partial(self._secondary.synthesize, text, language=language),
        )

    def begin_answer(self, *, language: Language) -> SpokenAnswer:
        return FallbackAnswer(
            self._tts,
            partial(self._primary.begin_answer, language=language),
            partial(self._secondary.begin_answer, language=language),
        )
