"""Client of the Speech deployment. When a replica dies, another gets its requests: they change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator

from convonet.core.errors import BadAudio, SpeechUnavailable
from convonet.metrics.definitions import PROVIDER_ERRORS
from convonet.metrics.recorder import metrics
from convonet.rpc.calls import call_any_replica
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.wire import Message, RpcError
from convonet.speech.answers import SentenceAnswer
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.speech.requests import (
    SOUND,
    SYNTHESIZE,
    TRANSCRIBE,
    to_error,
    to_sound,
    to_spoken,
    to_transcript,
    transcribe_params,
)
from convonet.tracing.propagation import outgoing_trace


class SpeechReplicas:
    """`SpeechToText` and `TextToSpeech` by the Speech deployment. Call `close` at the end."""

    name = "local"

    def __init__(self, pool: ReplicaPool) -> None:
        self.pool = pool

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        with _counted("hearing"):
            return to_transcript(await self._ask(TRANSCRIBE, transcribe_params(utterance, language)))

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        with _counted("speaking"):
            return to_spoken(await self._ask(SYNTHESIZE, {"text": text, "language": language}))

    def begin_answer(self, *, language: Language) -> SentenceAnswer:
        """See `TextToSpeech.begin_answer`. The language is ignored: the one voice speaks English."""
        return SentenceAnswer(self._synthesize_sentence, self.name)

    def start(self) -> None:
        """Open the connections, so that the first utterance does not wait for them."""
        self.pool.start_discovery()

    async def close(self) -> None:
        await self.pool.close()

    async def _synthesize_sentence(self, sentence: str) -> AsyncGenerator[bytes, None]:
        """Synthesize one sentence in one piece, which takes 20 ms."""
        with _counted("speaking"):
            pcm = to_sound(await self._ask(SOUND, {"text": sentence}))
        yield pcm

    async def _ask(self, method: str, params: Message) -> Message:
        try:
            return await call_any_replica(self.pool, method, {**params, "along": outgoing_trace()})
        except RpcError as error:
            raise to_error(error) from None
        except NoReplica as error:
            raise SpeechUnavailable(f"speech: {error}") from None
        except ValueError as error:
            raise BadAudio(f"the recording can't be sent: {type(error).__name__}") from None


@contextlib.contextmanager
def _counted(service: str) -> Generator[None, None, None]:
    try:
        yield
    except SpeechUnavailable:
        metrics.count(PROVIDER_ERRORS, service=service, provider=SpeechReplicas.name)
        raise
