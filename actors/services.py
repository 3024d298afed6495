"""Chooses, from the settings, who hears, speaks and thinks for a session host."""

from __future__ import annotations

from ray import serve

from actors.remote import RemoteAgent, RemoteSpeech
from convonet.sessions.services import Services, Timeouts
from convonet.settings import Settings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.speech.deepgram import DeepgramSpeech
from convonet.speech.fallback import SpeechWithFallback

SPEECH_APP = "speech"
AGENT_APP = "agent"

AGENT_OVERHEAD_S = 2.0
"""What the hop to the agent may take beyond the agent's own turn timeout."""


def build_services(settings: Settings) -> Services:
    """One set of services; vendors' clients are made here, once, and pooled."""
    local = RemoteSpeech(serve.get_deployment_handle("Speech", SPEECH_APP, _check_exists=False))
    ears: dict[str, SpeechToText] = {local.name: local}
    voices: dict[str, TextToSpeech] = {local.name: local}
    if settings.deepgram_api_key is not None:
        hosted = SpeechWithFallback(DeepgramSpeech(settings), local)
        ears[hosted.name] = hosted
        voices[hosted.name] = hosted
    return Services(
        ears=ears,
        voices=voices,
        agent=RemoteAgent(serve.get_deployment_handle("AgentRouter", AGENT_APP, _check_exists=False)),
        default_ear=settings.hears_with,
        default_voice=settings.speaks_with,
        timeouts=Timeouts(think=settings.turn_timeout_s + AGENT_OVERHEAD_S),
    )
