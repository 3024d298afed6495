"""Who hears and speaks besides the speech deployment: a vendor whose key is set, with the deployment behind it."""

from __future__ import annotations

from actors.remote import RemoteSpeech
from convonet.settings import Settings
from convonet.speech.fallback import SpeechWithFallback


def hosted_speech(settings: Settings, local: RemoteSpeech) -> SpeechWithFallback | None:
    """The vendor's speech; None when there is none."""
    if settings.deepgram_api_key is None:
        return None
    # half a second of imports that the embedded default does without
    from convonet.speech.deepgram import DeepgramSpeech

    return SpeechWithFallback(DeepgramSpeech(settings), local)
