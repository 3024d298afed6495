"""Deepgram for STT and TTS, with a request for each utterance and a pooled WebSocket for each answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from functools import lru_cache

from yarl import URL

from convonet.core.errors import BadAudio, SpeechUnavailable
from convonet.settings.speech import SpeechSettings
from convonet.speech.base import ANSWER_RATE, AudioFormat, Language, SpokenAudio, Transcript, Utterance
from convonet.speech.deepgram.answer import DeepgramAnswer
from convonet.speech.deepgram.api import DeepgramApi, Refusal, read_all
from convonet.speech.deepgram.exchange import SpeechRate
from convonet.speech.deepgram.listen import query_for, transcript_in
from convonet.speech.deepgram.socket_pool import SpeakSocketPool
from convonet.speech.deepgram.speak_socket import SpeakSocket
from convonet.speech.text import speakable
from convonet.tracing.spans import span

_RAW = {"encoding": "linear16", "sample_rate": str(ANSWER_RATE)}

STALL_TIMEOUT_S = 1.5
"""A request that owes audio and has sent none for this long is given up: the caller would hear the silence."""


class DeepgramSpeech:
    """`SpeechToText` and `TextToSpeech` by Deepgram. One per process, since connections are pooled.

    Args:
        settings: API key, models, voice and timeouts.
        tts_sockets: Maximum number of open TTS sockets: this process's share of the limit that Deepgram sets for a
            project (`Settings.speech.tts_sockets`).
    """

    name = "deepgram"

    def __init__(self, settings: SpeechSettings, *, tts_sockets: int) -> None:
        if settings.deepgram_api_key is None:
            raise SpeechUnavailable("DEEPGRAM_API_KEY is not set")
        base_url = str(settings.deepgram_base_url) if settings.deepgram_base_url else None
        self._api = DeepgramApi(settings.deepgram_api_key.get_secret_value(), base_url)
        self._model = settings.deepgram_model
        self._voice = settings.deepgram_voice
        self._stt_timeout_s = settings.stt_timeout_s
        self._tts_timeout_s = settings.tts_timeout_s
        self._stall_s = min(STALL_TIMEOUT_S, settings.tts_timeout_s)
        self._listen_url = lru_cache(maxsize=64)(self._url_to_listen)
        voice = {"model": self._voice}
        self._file_url = self._api.url("v1/speak", voice | {"encoding": "mp3"})
        self._pcm_url = self._api.url("v1/speak", voice | _RAW | {"container": "none"})
        self._socket_url = self._api.url("v1/speak", voice | _RAW)
        self._rate = SpeechRate()
        self._sockets = SpeakSocketPool(self._connect, max_sockets=tts_sockets)

    async def start(self) -> None:
        """Open a connection, so that the first utterance does not wait for it. A failure is only logged."""
        await self._api.warm()

    async def close(self) -> None:
        await self._sockets.close()
        await self._api.close()

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        url = self._listen_url(utterance.format, utterance.sample_rate, language)
        try:
            with span("listen", kind="client", provider=self.name, model=self._model):
                answer = await self._api.post(
                    url, utterance.audio, "application/octet-stream", read=read_all, timeout_s=self._stt_timeout_s
                )
        except Refusal as error:
            if error.status == 400:
                raise BadAudio(str(error)) from error
            raise error.as_unavailable() from error
        return transcript_in(answer, self.name)

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """See `TextToSpeech.synthesize`. The configured voice decides the language."""
        try:
            with span("synthesise", kind="client", provider=self.name, model=self._voice):
                body = _spoken(speakable(text))
                audio = await self._api.post(
                    self._file_url, body, "application/json", read=read_all, timeout_s=self._tts_timeout_s
                )
        except Refusal as error:
            raise error.as_unavailable() from error
        if not audio:
            raise SpeechUnavailable("Deepgram answered without audio")
        return SpokenAudio(audio, "audio/mpeg", self.name)

    def begin_answer(self, *, language: Language) -> DeepgramAnswer:
        """See `TextToSpeech.begin_answer`. The configured voice decides the language."""
        self._api.warm_soon()  # for the caller's next utterance
        return DeepgramAnswer(self._sockets, self._synthesize_sentence, self._rate, model=self._voice)

    async def _synthesize_sentence(self, sentence: str) -> AsyncGenerator[bytes, None]:
        """Synthesize one sentence with a request of its own."""
        try:
            stream = self._api.stream(self._pcm_url, _spoken(sentence), "application/json", stall_s=self._stall_s)
            async with contextlib.aclosing(stream):
                async for pcm in stream:
                    yield pcm
        except Refusal as error:
            raise error.as_unavailable() from error

    async def _connect(self) -> SpeakSocket:
        return SpeakSocket(await self._api.connect(self._socket_url))

    def _url_to_listen(self, audio_format: AudioFormat, sample_rate: int, language: str) -> URL:
        return self._api.url("v1/listen", query_for(audio_format, sample_rate, language, self._model))


def _spoken(text: str) -> bytes:
    return json.dumps({"text": text}).encode()
