"""The vendor that recognizes and speaks when its key is set, with the speech deployment behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convonet.settings.speech import SpeechSettings
from convonet.speech.fallback import SpeechWithFallback
from convonet.speech.replicas import SpeechReplicas

if TYPE_CHECKING:
    from convonet.speech.deepgram.speech import DeepgramSpeech


@dataclass(frozen=True, slots=True)
class HostedSpeech:
    """One set per process. `vendor` is to be started and closed; `speech` is what sessions use."""

    vendor: DeepgramSpeech
    speech: SpeechWithFallback


def hosted_speech(settings: SpeechSettings, local: SpeechReplicas, *, replicas: int) -> HostedSpeech | None:
    """The vendor's speech; None without a key. `replicas` is how many processes share the vendor's voice sockets."""
    if settings.deepgram_api_key is None:
        return None
    # imports that the embedded default does without
    from convonet.speech.deepgram.speech import DeepgramSpeech

    vendor = DeepgramSpeech(settings, tts_sockets=settings.tts_sockets // replicas)
    return HostedSpeech(vendor, SpeechWithFallback(vendor, local))
