"""Local speech as a Serve application of its own, reached by handle only: no voice replica runs recognition itself."""

from typing import cast

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.speech.local.service import MAX_SENTENCES, MAX_UTTERANCES, LocalSpeech
from convonet.tracing.carried import serving
from deployments.garbage import leave_alone_what_is_there
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import reporting

MAX_ONGOING = 2 * (MAX_UTTERANCES + MAX_SENTENCES)
"""Twice what `LocalSpeech` admits: it refuses at once, where Serve would let the caller wait."""


class Speech:
    """One replica: local speech with its worker processes, warm before the first call."""

    async def __init__(self) -> None:  # type: ignore[misc] # Serve awaits it
        settings = get_settings()
        log_to_own_stderr(settings)
        measure("speech")
        self._speech = LocalSpeech(settings)
        await self._speech.start()
        leave_alone_what_is_there()
        self._reporter = reporting("speech", self._speech.figures)

    async def __del__(self) -> None:  # Serve awaits it
        await self._reporter.close()
        self._speech.close()

    async def ready(self) -> bool:
        """Whether calls are answered: a replica is there only when its workers run."""
        return True

    async def transcribe(self, utterance: Utterance, language: Language, along: dict[str, str]) -> Transcript:
        """See `SpeechToText.transcribe`; our errors reach the caller as the cause of a `RayTaskError`."""
        with serving("recognise", along):
            return await self._speech.transcribe(utterance, language=language)

    async def synthesize(self, text: str, language: Language, along: dict[str, str]) -> SpokenAudio:
        """See `TextToSpeech.synthesize`."""
        with serving("synthesise", along):
            return await self._speech.synthesize(text, language=language)

    async def sound(self, sentence: str, along: dict[str, str]) -> bytes:
        """See `LocalSpeech.sound`."""
        with serving("synthesise", along):
            return await self._speech.sound(sentence)


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    # the class itself stays importable, so that a replica imports this package instead of unpickling a copy
    speech = cast("Deployment", serve.deployment(Speech, max_ongoing_requests=MAX_ONGOING))
    return speech.bind()
