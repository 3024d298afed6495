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
class CallBegan:
    """A session lives here now: a new one, or one that was restored."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class CallOver:
    """The session lives here no more."""


@dataclass(frozen=True, slots=True)
class CallerCame:
    """A socket of the caller's is attached."""


@dataclass(frozen=True, slots=True)
class CallerWent:
    """The caller's connection is lost."""


@dataclass(frozen=True, slots=True)
class AnswerSounds:
    """The first sound of an answer has left."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The turn has ended, well or not."""


@dataclass(frozen=True, slots=True)
class HumanTalk:
    """All that was said so far between the caller and a human."""

    said: tuple[Spoken, ...]


Happening = ServerMessage | CallBegan | CallOver | CallerCame | CallerWent | AnswerSounds | TurnOver | HumanTalk

Watch = Callable[[SessionId, Happening], None]
"""Is told of each; returns at once and never fails."""


def nobody_watches(_: SessionId, __: Happening) -> None:
    """A `Watch` that looks away."""
