"""Local speech: hears and speaks without any vendor, for the embedded default and for the turn in which a vendor fails.

Three worker processes: one decodes and gates recordings and recognises our phrases, one recognises all English at the
same time and then decides between both, one speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from convonet.core.errors import NoSpeech, SpeechUnavailable
from convonet.settings.speech import SpeechSettings
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.speech.local.jobs import (
    Decide,
    EngineSpec,
    Hear,
    Hypothesis,
    Listen,
    Listened,
    Recognise,
    Samples,
    Sound,
    Speak,
)
from convonet.speech.local.worker import Worker

MAX_UTTERANCES = 6
"""Utterances being heard or waiting. One takes 0.5 s: whoever would be the seventh is better told at once."""

MAX_SENTENCES = 40
"""Sentences being spoken or waiting. One takes 20 ms."""


class LocalSpeech:
    """Recognition and voice in processes of our own. Understands English only."""

    name = "local"

    def __init__(self, settings: SpeechSettings, data_dir: Path) -> None:
        folder = data_dir.absolute()
        limit = settings.max_utterance_s
        self._callers = Worker(EngineSpec("callers", folder, settings.local_voice, limit))
        self._general = Worker(EngineSpec("general", folder, settings.local_voice, limit))
        self._voice = Worker(EngineSpec("voice", folder, settings.local_voice, limit))
        self._utterances = 0
        self._sentences = 0
        self._heard = 0
        self._spoken = 0
        self._refused = 0

    async def start(self) -> None:
        """Start all workers, so that the first caller does not wait for it. Raises `SpeechUnavailable`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._voice.start())
            # the first start of all builds a language model, which the next worker needs as well
            await self._callers.start()
            await self._general.start()

    def close(self) -> None:
        """End all workers."""
        for worker in (self._callers, self._general, self._voice):
            worker.close()

    def figures(self) -> Mapping[str, float]:
        """What is heard and spoken now, what was so far, and what was refused."""
        return {
            "hearing": self._utterances,
            "speaking": self._sentences,
            "utterances": self._heard,
            "sentences": self._spoken,
            "refused": self._refused,
        }

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`. Too many at once raise `SpeechUnavailable` immediately."""
        if self._utterances >= MAX_UTTERANCES:
            self._refused += 1
            raise SpeechUnavailable(f"{self._utterances} utterances are waiting for local recognition")
        self._utterances += 1
        self._heard += 1
        try:
            samples = cast("Samples", await self._callers.run(Hear(utterance)))
            heard = await self._recognise(samples)
        finally:
            self._utterances -= 1
        if heard is None:
            raise NoSpeech("neither model found words")
        return Transcript(heard.text, self.name, words=heard.words)

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """See `TextToSpeech.synthesize`."""
        return SpokenAudio(await self._spoken_by_voice(Speak(text)), "audio/mpeg", self.name)

    async def sound(self, sentence: str) -> bytes:
        """One sentence of a streamed answer as PCM16 at `ANSWER_RATE`. Raises `SpeechUnavailable`."""
        return await self._spoken_by_voice(Sound(sentence))

    async def _spoken_by_voice(self, job: Speak | Sound) -> bytes:
        if self._sentences >= MAX_SENTENCES:
            self._refused += 1
            raise SpeechUnavailable(f"{self._sentences} sentences are waiting for the local voice")
        self._sentences += 1
        self._spoken += 1
        try:
            return cast("bytes", await self._voice.run(job))
        finally:
            self._sentences -= 1

    async def _recognise(self, samples: Samples) -> Hypothesis | None:
        listening = asyncio.create_task(self._general.run(Listen(samples)))
        try:
            phrase = cast("Hypothesis | None", await self._callers.run(Recognise(samples)))
            listened = cast("Listened | None", await listening)
        finally:
            listening.cancel()
        if listened is None or phrase is None:
            return phrase if listened is None else listened.hypothesis
        return cast("Hypothesis", await self._general.run(Decide(listened, phrase)))
