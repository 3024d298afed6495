"""The speech deployment, through the same protocols as a local object; a call goes to whichever replica is free."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Any, cast

from ray.serve.handle import DeploymentHandle

from actors.failures import remote_errors
from convonet.errors import SpeechUnavailable
from convonet.metrics.definitions import PROVIDER_ERRORS
from convonet.metrics.recorder import metrics
from convonet.speech.answers import SentenceAnswer
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.tracing.carried import carried


class RemoteSpeech:
    """`SpeechToText` and `TextToSpeech` on the speech deployment."""

    name = "local"

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._transcribe, self._synthesize, self._sound = handle.transcribe, handle.synthesize, handle.sound

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`."""
        with _counted("hearing"), remote_errors(SpeechUnavailable, "speech deployment"):
            return cast("Transcript", await self._transcribe.remote(utterance, language, carried()))

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """See `TextToSpeech.synthesize`."""
        with _counted("speaking"), remote_errors(SpeechUnavailable, "speech deployment"):
            return cast("SpokenAudio", await self._synthesize.remote(text, language, carried()))

    def begin_answer(self, *, language: Language) -> SentenceAnswer:
        """See `TextToSpeech.begin_answer`. There is one voice, and it speaks English."""
        return SentenceAnswer(self._say, self.name)

    async def _say(self, sentence: str) -> AsyncGenerator[bytes, None]:
        """One sentence in one piece: it takes 20 ms, and each piece of a stream would cost 1 ms of CPU."""
        with _counted("speaking"), remote_errors(SpeechUnavailable, "speech deployment"):
            response = self._sound.remote(sentence, carried())
            try:
                pcm = cast("bytes", await response)
            except asyncio.CancelledError:
                response.cancel()  # type: ignore[no-untyped-call]
                raise
        yield pcm


@contextlib.contextmanager
def _counted(service: str) -> Generator[None, None, None]:
    try:
        yield
    except SpeechUnavailable:
        metrics.count(PROVIDER_ERRORS, service=service, provider=RemoteSpeech.name)
        raise
