"""Local STT and TTS without a vendor: the embedded default, and the fallback when a vendor fails.

Served by the Speech deployment, with three worker processes: the first decodes recordings and recognizes our phrases,
the second recognizes English at the same time and then chooses between both transcripts, the third synthesizes.
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
    ChooseTranscript,
    EngineSpec,
    EnglishTranscript,
    Hypothesis,
    PrepareRecording,
    RecognizeEnglish,
    RecognizePhrase,
    Samples,
    SynthesizeFile,
    SynthesizePcm,
)
from convonet.speech.local.worker import Worker

MAX_UTTERANCES = 6
"""Utterances in progress or queued. One takes 0.5 s, so a seventh caller is better refused at once."""

MAX_SENTENCES = 40
"""Sentences in progress or queued. One takes 20 ms."""


class LocalSpeech:
    """`SpeechToText`, and synthesis of sentences, in processes of our own. English only."""

    name = "local"

    def __init__(self, settings: SpeechSettings, data_dir: Path) -> None:
        folder = data_dir.absolute()
        limit = settings.max_utterance_s
        self._phrases = Worker(EngineSpec("phrases", folder, settings.local_voice, limit))
        self._general = Worker(EngineSpec("general", folder, settings.local_voice, limit))
        self._voice = Worker(EngineSpec("voice", folder, settings.local_voice, limit))
        self._utterances = 0
        self._sentences = 0
        self._recognized = 0
        self._synthesized = 0
        self._refused = 0

    async def start(self) -> None:
        """Start all workers, so that the first caller does not wait. Raises `SpeechUnavailable`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._voice.start())
            # the very first start builds a language model, which the next worker needs too
            await self._phrases.start()
            await self._general.start()

    def close(self) -> None:
        for worker in (self._phrases, self._general, self._voice):
            worker.close()

    def check_workers(self) -> None:
        """Raise `SpeechUnavailable` when a worker died and could not be started again."""
        for worker in (self._phrases, self._general, self._voice):
            if worker.start_error is not None:
                raise SpeechUnavailable(worker.start_error)

    def gauges(self) -> Mapping[str, float]:
        """Return the utterances and sentences in progress, the totals so far, and the refusals."""
        return {
            "hearing": self._utterances,
            "speaking": self._sentences,
            "utterances": self._recognized,
            "sentences": self._synthesized,
            "refused": self._refused,
        }

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`. Raises `SpeechUnavailable` at once when too many are queued."""
        if self._utterances >= MAX_UTTERANCES:
            self._refused += 1
            raise SpeechUnavailable(f"{self._utterances} utterances are waiting for local recognition")
        self._utterances += 1
        self._recognized += 1
        try:
            samples = cast("Samples", await self._phrases.run(PrepareRecording(utterance)))
            found = await self._recognize(samples)
        finally:
            self._utterances -= 1
        if found is None:
            raise NoSpeech("neither model found words")
        return Transcript(found.text, self.name, words=found.words)

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        return SpokenAudio(await self._synthesize(SynthesizeFile(text)), "audio/mpeg", self.name)

    async def synthesize_pcm(self, sentence: str) -> bytes:
        """Synthesize one sentence of a streamed answer as PCM16 at `ANSWER_RATE`. Raises `SpeechUnavailable`."""
        return await self._synthesize(SynthesizePcm(sentence))

    async def _synthesize(self, job: SynthesizeFile | SynthesizePcm) -> bytes:
        if self._sentences >= MAX_SENTENCES:
            self._refused += 1
            raise SpeechUnavailable(f"{self._sentences} sentences are waiting for the local voice")
        self._sentences += 1
        self._synthesized += 1
        try:
            return cast("bytes", await self._voice.run(job))
        finally:
            self._sentences -= 1

    async def _recognize(self, samples: Samples) -> Hypothesis | None:
        recognizing = asyncio.create_task(self._general.run(RecognizeEnglish(samples)))
        try:
            phrase = cast("Hypothesis | None", await self._phrases.run(RecognizePhrase(samples)))
            english = cast("EnglishTranscript | None", await recognizing)
        finally:
            recognizing.cancel()
        if english is None or phrase is None:
            return phrase if english is None else english.hypothesis
        return cast("Hypothesis", await self._general.run(ChooseTranscript(english, phrase)))
