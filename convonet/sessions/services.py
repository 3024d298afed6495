"""The services that sessions use: STT, TTS, the agent, the call center, and the timeouts of each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from convonet.agents.base import Agent
from convonet.records.record import TurnRecord
from convonet.sessions.call_events import CallObserver, ignore_call_events
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.hand_overs import HandOvers


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. Each provider has a shorter one of its own."""

    stt_s: float = 20.0
    agent_s: float = 30.0
    tts_s: float = 12.0
    caller_grace_s: float = 15.0
    """Time that a human waits for a caller whose connection is lost."""


@dataclass(frozen=True, slots=True)
class SessionServices:
    """The services of one voice replica, shared by all its sessions.

    `stt_providers` and `tts_providers` map provider names to providers; they include the defaults.
    """

    stt_providers: Mapping[str, SpeechToText]
    tts_providers: Mapping[str, TextToSpeech]
    agent: Agent
    default_stt: str
    default_tts: str
    hand_overs: HandOvers
    record: Callable[[TurnRecord], None]
    """Called with the record of each turn at its end; returns at once."""
    observe_call: CallObserver = ignore_call_events
    """Called with every event of each call."""
    waiting_for_agent: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    """Entered while a turn waits for the agent's first event."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    wall_clock: Callable[[], float] = time.time

    def stt(self, choice: str | None) -> SpeechToText:
        """Return the STT provider named `choice`, or the default when there is none of that name."""
        return self.stt_providers.get(choice or "", self.stt_providers[self.default_stt])

    def tts(self, choice: str | None) -> TextToSpeech:
        """Return the TTS provider named `choice`, or the default when there is none of that name."""
        return self.tts_providers.get(choice or "", self.tts_providers[self.default_tts])
