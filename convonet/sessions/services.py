"""What a session needs from the outside: recognizers, voices, the agent, and how long each may take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from convonet.agents.base import Agent
from convonet.records.record import TurnRecord
from convonet.sessions.happenings import Watch, nobody_watches
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.hand_overs import HandOvers


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Each is the last resort behind a provider's own, shorter one."""

    hear: float = 20.0
    think: float = 30.0
    speak: float = 12.0


@dataclass(frozen=True, slots=True)
class Services:
    """One set per voice replica, shared by all its sessions.

    `recognizers` and `voices` hold one entry per provider name; the default names must be among them.
    """

    recognizers: Mapping[str, SpeechToText]
    voices: Mapping[str, TextToSpeech]
    agent: Agent
    default_stt: str
    default_tts: str
    hand_overs: HandOvers
    record: Callable[[TurnRecord], None]
    """Takes the record of each turn at its end; returns at once."""
    watch: Watch = nobody_watches
    """Is told of all that happens in each call."""
    waiting_for_agent: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    """Is entered while a turn waits for the agent to begin with it."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    wall_clock: Callable[[], float] = time.time

    def stt(self, choice: str | None) -> SpeechToText:
        """The recognizer a session chose, or the default when there is none of that name."""
        return self.recognizers.get(choice or "", self.recognizers[self.default_stt])

    def tts(self, choice: str | None) -> TextToSpeech:
        """The voice a session chose, or the default when there is none of that name."""
        return self.voices.get(choice or "", self.voices[self.default_tts])
