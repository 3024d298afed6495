"""Deepgram as hearing and voice: one request per utterance and per sentence group, through its own SDK.

The SDK's retries are off: they wait for a second and know nothing of our deadline. We retry once, and only where the
failure says that the same request may succeed now.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.request_options import RequestOptions
from deepgram.environment import DeepgramClientEnvironment
from deepgram.types.listen_v1response import ListenV1Response
from deepgram.types.listen_v1response_results_channels_item_alternatives_item import (
    ListenV1ResponseResultsChannelsItemAlternativesItem as Alternative,
)

from convonet.errors import BadAudio, NoSpeech, SpeechUnavailable
from convonet.settings import Settings
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance, Word
from convonet.speech.text import speakable
from convonet.tracing.spans import span

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_S = 2.0
"""A connection that is not there by now will not be in time."""

RETRY_DELAY_S = 0.1
"""Before the second attempt after a 5xx or a broken connection: a restarting server needs a moment."""

MAX_RETRY_AFTER_S = 1.0
"""A 429 that asks for a longer wait than this sends the turn to the next provider."""

_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=90.0)
"""Turns of one caller are 10 s apart and more; httpx would close a connection after 5 s and each turn pay for TLS."""

_NO_SDK_RETRY = RequestOptions(max_retries=0)


class DeepgramSpeech:
    """`SpeechToText` and `TextToSpeech` by Deepgram. Make one per process; connections are pooled."""

    name = "deepgram"

    def __init__(self, settings: Settings) -> None:
        if settings.deepgram_api_key is None:
            raise SpeechUnavailable("DEEPGRAM_API_KEY is not set")
        longest = max(settings.stt_timeout_s, settings.tts_timeout_s)
        self._http = httpx.AsyncClient(limits=_LIMITS, timeout=httpx.Timeout(longest, connect=CONNECT_TIMEOUT_S))
        client = AsyncDeepgramClient(
            api_key=settings.deepgram_api_key.get_secret_value(),
            environment=_environment(str(settings.deepgram_base_url) if settings.deepgram_base_url else None),
            httpx_client=self._http,
            timeout=longest,
            max_retries=0,
        )
        # resolved here: the SDK imports 190 modules when these are first touched
        self._media = client.listen.v1.media
        self._audio = client.speak.v1.audio
        self._model = settings.deepgram_model
        self._voice = settings.deepgram_voice_id
        self._stt_timeout_s = settings.stt_timeout_s
        self._tts_timeout_s = settings.tts_timeout_s

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript:
        """See `SpeechToText.transcribe`."""
        audio = utterance.audio if utterance.format == "webm" else _wav(utterance)

        async def attempt() -> object:
            return await self._media.transcribe_file(
                request=audio,
                model=self._model,
                language=language,
                smart_format=True,
                request_options=_NO_SDK_RETRY,
            )

        try:
            with span("listen", kind="client", provider=self.name, model=self._model):
                response = await _within(self._stt_timeout_s, attempt)
        except ApiError as error:
            if error.status_code == httpx.codes.BAD_REQUEST:
                raise BadAudio(_described(error)) from error
            raise _unavailable(error) from error
        best = _best_alternative(response)
        text = (best.transcript or "").strip()
        if not text:
            raise NoSpeech("Deepgram heard no words")
        return Transcript(text, self.name, best.confidence, tuple(_words(best)))

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio:
        """See `TextToSpeech.synthesize`. The voice decides the language."""

        async def attempt() -> bytes:
            pieces = self._audio.generate(
                text=speakable(text), model=self._voice, encoding="mp3", request_options=_NO_SDK_RETRY
            )
            return b"".join([piece async for piece in pieces])

        try:
            with span("synthesise", kind="client", provider=self.name, model=self._voice):
                audio = await _within(self._tts_timeout_s, attempt)
        except ApiError as error:
            raise _unavailable(error) from error
        if not audio:
            raise SpeechUnavailable("Deepgram answered without audio")
        return SpokenAudio(audio, "audio/mpeg", self.name)


async def _within(seconds: float, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """The attempt's answer, of a second one where that can help, in `seconds` altogether."""
    try:
        async with asyncio.timeout(seconds):
            try:
                return await attempt()
            except (ApiError, httpx.TransportError) as error:
                delay = _retry_delay(error)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
            return await attempt()
    except (TimeoutError, httpx.TimeoutException) as error:
        raise SpeechUnavailable(f"Deepgram did not answer in {seconds:g} s") from error
    except httpx.TransportError as error:
        raise SpeechUnavailable(f"no connection to Deepgram: {type(error).__name__}", retry_same=True) from error


def _retry_delay(error: ApiError | httpx.TransportError) -> float | None:
    """Seconds after which the same request may succeed; None when it won't."""
    if isinstance(error, httpx.TransportError):
        return None if isinstance(error, httpx.TimeoutException) else RETRY_DELAY_S
    if error.status_code == httpx.codes.TOO_MANY_REQUESTS:
        asked = (error.headers or {}).get("retry-after", "")
        return float(asked) if asked.isdecimal() and float(asked) <= MAX_RETRY_AFTER_S else None
    return RETRY_DELAY_S if _is_servers_fault(error) else None


def _is_servers_fault(error: ApiError) -> bool:
    return error.status_code is not None and error.status_code >= httpx.codes.INTERNAL_SERVER_ERROR


def _unavailable(error: ApiError) -> SpeechUnavailable:
    return SpeechUnavailable(_described(error), retry_same=_is_servers_fault(error))


def _described(error: ApiError) -> str:
    # its message may quote the sentence that was to be spoken, its code does not
    code = error.body.get("err_code") if isinstance(error.body, dict) else None
    return f"Deepgram answered {error.status_code} {code or ''}".rstrip()


def _best_alternative(response: object) -> Alternative:
    """The SDK does not validate what it received, so a changed answer shows up here."""
    if isinstance(response, ListenV1Response):
        try:
            best = (response.results.channels[0].alternatives or [])[0]
        except (AttributeError, IndexError, TypeError):
            best = None
        if isinstance(best, Alternative):
            return best
    raise SpeechUnavailable("Deepgram's answer holds no transcript")


def _words(best: Alternative) -> Iterator[Word]:
    for word in best.words or []:
        if word.start is not None and word.end is not None:
            yield Word(word.word or "", word.start, word.end)


def _wav(utterance: Utterance) -> bytes:
    """Raw samples with a header: the SDK has no parameter for their sample rate."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(utterance.sample_rate)
        sink.writeframes(utterance.audio)
    return file.getvalue()


def _environment(base_url: str | None) -> DeepgramClientEnvironment:
    if base_url is None:
        return DeepgramClientEnvironment.PRODUCTION
    http = base_url.rstrip("/")
    sockets = http.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=http, production=sockets, agent=sockets, agent_rest=http)
