"""Events in the life of a call, for observers such as the monitor.

The messages that a session sends to its client (`ServerMessage`) are events too; this module defines the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convonet.core.ids import SessionId
from convonet.protocol.server import ServerMessage
from convonet.sessions.conversation import Conversation
from convonet.telephony.messages import Spoken


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A session, new or restored, now lives in this process."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The session no longer lives in this process."""


@dataclass(frozen=True, slots=True)
class CallerConnected:
    """A socket of the caller was attached."""


@dataclass(frozen=True, slots=True)
class CallerDisconnected:
    """The caller's last socket was detached."""


@dataclass(frozen=True, slots=True)
class AnswerAudioStarted:
    """The first audio of an answer was sent."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn has ended, successfully or not."""


@dataclass(frozen=True, slots=True)
class HumanTalkTranscribed:
    """The transcript so far of the talk between the caller and a human."""

    said: tuple[Spoken, ...]


CallEvent = (
    ServerMessage
    | CallStarted
    | CallEnded
    | CallerConnected
    | CallerDisconnected
    | AnswerAudioStarted
    | TurnEnded
    | HumanTalkTranscribed
)

CallObserver = Callable[[SessionId, CallEvent], None]
"""Called with each event. It must return at once and must not raise."""


def ignore_call_events(_: SessionId, __: CallEvent) -> None:
    """Observe nothing."""
