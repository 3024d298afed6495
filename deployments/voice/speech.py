"""The vendor that recognizes and speaks when its key is set, with the speech deployment behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve

from actors.remote import RemoteSpeech
from convonet.settings import Settings
from convonet.speech.fallback import SpeechWithFallback

if TYPE_CHECKING:
    from convonet.speech.deepgram.speech import DeepgramSpeech


class HostedSpeech(SpeechWithFallback):
    """One per replica: `start` it before its first call, and `close` it at the end."""

    def __init__(self, vendor: DeepgramSpeech, local: RemoteSpeech) -> None:
        super().__init__(vendor, local)
        self._vendor = vendor

    async def start(self) -> None:
        """Open a connection to the vendor, so that no caller waits for it."""
        await self._vendor.start()

    async def close(self) -> None:
        """Close all connections to the vendor."""
        await self._vendor.close()


def hosted_speech(settings: Settings, local: RemoteSpeech) -> HostedSpeech | None:
    """The vendor's speech for this replica; None without a key."""
    if settings.deepgram_api_key is None:
        return None
    # imports that the embedded default does without
    from convonet.speech.deepgram.speech import DeepgramSpeech

    replicas = serve.get_replica_context().world_size
    return HostedSpeech(DeepgramSpeech(settings, tts_sockets=settings.tts_sockets // replicas), local)
