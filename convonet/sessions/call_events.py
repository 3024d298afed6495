"""What happens in a call, for whoever watches it: an observer beside the session, never in its way.

What a session sends to its client is an event of its own (`ServerMessage`); these are the others.
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
    """A session lives here now: a new one, or one that was restored."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The session lives here no more."""


@dataclass(frozen=True, slots=True)
class CallerConnected:
    """A socket of the caller's is attached."""


@dataclass(frozen=True, slots=True)
class CallerDisconnected:
    """The caller's connection is lost."""


@dataclass(frozen=True, slots=True)
class AnswerAudioStarted:
    """The first sound of an answer has left."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn has ended, well or not."""


@dataclass(frozen=True, slots=True)
class HumanTalkTranscribed:
    """All that was said so far between the caller and a human."""

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
"""Is told of each; returns at once and never fails."""


def ignore_call_events(_: SessionId, __: CallEvent) -> None:
    """A `CallObserver` that looks away."""
