"""What passes between a session and the agent: one request per turn in, a stream of typed events out.

The agent is stateless: history, domain so far and caller come with the request, the new history goes back in
`Final`. All values are picklable, since they cross a process border.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from convonet.core.caller import AgentType, Caller
from convonet.core.hand_over import TransferContext
from convonet.core.ids import SessionId, TurnId


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One line of the conversation as the agent remembers it."""

    role: Literal["user", "assistant"]
    content: str
    done: tuple[str, ...] = ()
    """What the tools of that turn changed, as a person reads it."""


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn. `turn_id` is the base of the tool calls' idempotency keys: a repeated turn repeats no effect."""

    session_id: SessionId
    turn_id: TurnId
    caller: Caller
    transcript: str
    history: tuple[ChatMessage, ...] = ()
    agent_type: AgentType | None = None
    """The domain of the conversation so far."""
    memory: dict[str, str] = field(default_factory=dict)
    """What the offline model remembers between turns (slots being filled), opaque to the session."""
    language: str = "en-US"
    """What the caller speaks, IETF tag."""
    provider: str | None = None
    """The hosted model to ask first, before the caller's own; one that isn't set up is not asked."""
    traceparent: str | None = None
    """The W3C trace context of whoever asks."""


@dataclass(frozen=True, slots=True)
class DomainChosen:
    agent_type: AgentType


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, in order, as it is made."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    call_id: str
    tool: str
    label: str
    """What a person reads: "Adding the todo"."""
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolFinished:
    call_id: str
    tool: str
    label: str
    ok: bool
    """True status: a tool that answered with an error is not ok."""
    result: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class CallBackWish:
    """A call back that was promised to the caller."""

    department: str
    reason: str = ""
    phone: str = ""
    """In E.164, as the caller has just said it, for this call back only; empty: the number that the server knows."""


@dataclass(frozen=True, slots=True)
class Final:
    """The end of the turn: the whole answer and all that the session must remember for the next one."""

    text: str
    agent_type: AgentType
    provider: str
    model: str
    history: tuple[ChatMessage, ...]
    memory: dict[str, str] = field(default_factory=dict)
    transfer_marker: str | None = None
    """Set when the caller is to be handed over: `TRANSFER_INITIATED:<extension>|<department>|<reason>`."""
    call_back: CallBackWish | None = None
    transfer_context: TransferContext | None = None
    """What the human is told, with either of the two."""
    tokens_in: int = 0
    tokens_out: int = 0


AgentEvent = DomainChosen | TextDelta | ToolStarted | ToolFinished | Final


class Agent(Protocol):
    """Answers one turn."""

    def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """Stream the turn's events; the last one is `Final`.

        Raises `AgentError` when no answer can be given. Closing the generator cancels the turn.
        """
        ...
