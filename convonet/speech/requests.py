"""The Speech deployment's own port: its requests and answers. Audio is base64, which takes 0.2 ms a sentence."""

from __future__ import annotations

import base64
from typing import Protocol, cast

from convonet.core.errors import BadAudio, NoSpeech, SpeechError, SpeechUnavailable
from convonet.rpc.server import Request
from convonet.rpc.wire import METHOD_NOT_FOUND, Message, RpcError
from convonet.speech.base import AudioFormat, Language, SpokenAudio, Transcript, Utterance, Word
from convonet.tracing.propagation import incoming_span

TRANSCRIBE = "transcribe"
SYNTHESIZE = "synthesize"
SOUND = "sound"

REFUSED = -32000
"""The error's data names the exception."""

MAX_MESSAGE_BYTES = 24_000_000
"""Enough for a recording of 17 MB; `CONVONET_MAX_UTTERANCE_BYTES` is 3 MB by default."""

STOP_TIMEOUT_S = 5.0
"""Time for the utterances in progress when a replica stops; each takes half a second."""

_ERRORS: dict[str, type[SpeechError]] = {kind.__name__: kind for kind in (NoSpeech, BadAudio, SpeechUnavailable)}


def transcribe_params(utterance: Utterance, language: Language) -> Message:
    """Encode the parameters of `TRANSCRIBE`."""
    return {
        "audio": _to_text(utterance.audio),
        "format": utterance.format,
        "sample_rate": utterance.sample_rate,
        "language": language,
    }


def to_transcript(message: Message) -> Transcript:
    """Decode the result of `TRANSCRIBE`."""
    words = tuple(Word(text, start, end) for text, start, end in message["words"])
    return Transcript(message["text"], message["provider"], message["confidence"], words)


def to_spoken(message: Message) -> SpokenAudio:
    """Decode the result of `SYNTHESIZE`."""
    return SpokenAudio(_to_bytes(message["audio"]), message["mime_type"], message["provider"])


def to_sound(message: Message) -> bytes:
    """Decode the result of `SOUND`: PCM16 at `ANSWER_RATE`."""
    return _to_bytes(message["pcm"])


def to_error(error: RpcError) -> SpeechError:
    """Turn an error of the port back into the exception that the replica raised."""
    return _ERRORS.get(str(error.data), SpeechUnavailable)(error.message)


class Engine(Protocol):
    """The speech that is served; implemented by `convonet.speech.local.service.LocalSpeech`."""

    async def transcribe(self, utterance: Utterance, *, language: Language) -> Transcript: ...

    async def synthesize(self, text: str, *, language: Language) -> SpokenAudio: ...

    async def synthesize_pcm(self, sentence: str) -> bytes: ...


class SpeechRequests:
    """Answers requests with the speech of this process. The parameter `along` has the ids for logs and trace."""

    def __init__(self, speech: Engine) -> None:
        self._speech = speech

    async def answer(self, request: Request) -> Message:
        """Return the result of a request. Raises `RpcError`."""
        params = request.params
        try:
            if request.method == TRANSCRIBE:
                with incoming_span("recognise", params["along"]):
                    return await self._transcribe(params)
            if request.method == SYNTHESIZE:
                with incoming_span("synthesise", params["along"]):
                    return await self._synthesize(params)
            if request.method == SOUND:
                with incoming_span("synthesise", params["along"]):
                    return {"pcm": _to_text(await self._speech.synthesize_pcm(params["text"]))}
        except SpeechError as error:
            raise RpcError(REFUSED, str(error), _name_of(error)) from None
        raise RpcError(METHOD_NOT_FOUND, f"There is no method {request.method}.")

    async def _transcribe(self, params: Message) -> Message:
        utterance = Utterance(
            _to_bytes(params["audio"]), cast("AudioFormat", params["format"]), int(params["sample_rate"])
        )
        transcript = await self._speech.transcribe(utterance, language=Language(params["language"]))
        words = [(word.text, word.start, word.end) for word in transcript.words]
        return {
            "text": transcript.text,
            "provider": transcript.provider,
            "confidence": transcript.confidence,
            "words": words,
        }

    async def _synthesize(self, params: Message) -> Message:
        spoken = await self._speech.synthesize(params["text"], language=Language(params["language"]))
        return {"audio": _to_text(spoken.audio), "mime_type": spoken.mime_type, "provider": spoken.provider}


def _name_of(error: SpeechError) -> str:
    """Name the closest base class of the exception that the client knows."""
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS), SpeechUnavailable.__name__)


def _to_text(audio: bytes) -> str:
    return base64.b64encode(audio).decode("ascii")


def _to_bytes(text: str) -> bytes:
    return base64.b64decode(text)
