"""Encode requests to /v1/listen and decode its answers, for `DeepgramSpeech`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from convonet.core.errors import NoSpeech, SpeechUnavailable
from convonet.speech.base import AudioFormat, Transcript, Word

if TYPE_CHECKING:
    # types only: parsing into the SDK's models would cost ten times as much
    from deepgram.requests.listen_v1response import ListenV1ResponseParams
    from deepgram.requests.listen_v1response_results_channels_item_alternatives_item import (
        ListenV1ResponseResultsChannelsItemAlternativesItemParams as Alternative,
    )


def query_for(audio_format: AudioFormat, sample_rate: int, language: str, model: str) -> dict[str, str]:
    """Build the request's query. Raw samples have no header, so their sample rate is part of it."""
    query = {"model": model, "language": language, "smart_format": "true"}
    if audio_format == "pcm16":
        query |= {"encoding": "linear16", "sample_rate": str(sample_rate)}
    return query


def transcript_in(answer: bytes, provider: str) -> Transcript:
    """Decode an answer. Raises `NoSpeech` when it has no words, `SpeechUnavailable` when it is malformed."""
    try:
        best = _best_alternative(cast("ListenV1ResponseParams", json.loads(answer)))
        text = best.get("transcript", "").strip()
        transcript = Transcript(text, provider, best.get("confidence"), tuple(_words(best)))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SpeechUnavailable("Deepgram's answer holds no transcript") from error
    if not text:
        raise NoSpeech("Deepgram recognized no words")
    return transcript


def _best_alternative(response: ListenV1ResponseParams) -> Alternative:
    return response["results"]["channels"][0]["alternatives"][0]


def _words(best: Alternative) -> Iterator[Word]:
    for word in best.get("words", ()):
        if "start" in word and "end" in word:
            yield Word(word.get("word", ""), word["start"], word["end"])
