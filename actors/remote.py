"""The speech and agent deployments, seen through the same protocols as a local object.

A voice replica holds one of each; a call is one hop to whichever replica is free.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Any, cast

import structlog
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from actors.failures import remote_errors
from convonet.agents.base import AgentEvent, TextDelta, TurnRequest
from convonet.errors import AgentAway, AgentError, SpeechUnavailable
from convonet.metrics.definitions import PROVIDER_ERRORS
from convonet.metrics.recorder import metrics
from convonet.speech.answers import SentenceAnswer
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.tracing.carried import carried

log = structlog.get_logger(__name__)


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


class RemoteAgent:
    """`Agent` on the AgentRouter deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._turn = handle.options(stream=True).turn

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`.

        When a replica dies before it has said a word, another one is asked: the turn's id names what its tools do, so
        that nothing is done twice.
        """
        spoke = False
        try:
            async with contextlib.aclosing(self._ask(request)) as events:
                async for event in events:
                    spoke = spoke or isinstance(event, TextDelta)
                    yield event
                return
        except AgentAway as error:
            if spoke:
                raise
            log.warning("agent_asked_again", reason=str(error))
        async with contextlib.aclosing(self._ask(request)) as events:
            async for event in events:
                yield event

    async def _ask(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        stream = cast("DeploymentResponseGenerator[Any]", self._turn.remote(request))
        with remote_errors(AgentError, "agent deployment", AgentAway):
            try:
                async for event in stream:
                    yield event
            finally:
                stream.cancel()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _counted(service: str) -> Generator[None, None, None]:
    try:
        yield
    except SpeechUnavailable:
        metrics.count(PROVIDER_ERRORS, service=service, provider=RemoteSpeech.name)
        raise
