"""Speech of a voice replica by a vendor, when its key is set, with local speech as the fallback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convonet.settings.speech import SpeechSettings
from convonet.speech.fallback import SpeechWithFallback
from convonet.speech.remote_speech import SpeechReplicas

if TYPE_CHECKING:
    from convonet.speech.deepgram.speech import DeepgramSpeech


@dataclass(frozen=True, slots=True)
class HostedSpeech:
    """The speech of one process. The replica starts and closes `vendor`; sessions use `speech`."""

    vendor: DeepgramSpeech
    speech: SpeechWithFallback


def hosted_speech(settings: SpeechSettings, local: SpeechReplicas, *, replicas: int) -> HostedSpeech | None:
    """Create the vendor's speech, None without a key; `replicas` share the vendor's limit of synthesis sockets."""
    if settings.deepgram_api_key is None:
        return None
    # imports that the embedded default does without
    from convonet.speech.deepgram.speech import DeepgramSpeech

    vendor = DeepgramSpeech(settings, tts_sockets=settings.tts_sockets // replicas)
    return HostedSpeech(vendor, SpeechWithFallback(vendor, local))
