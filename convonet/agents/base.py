"""The contract between a session and the agent: one `TurnRequest` in, a stream of typed events out.

The agent is stateless: the request brings the caller, the history and the current domain, and `Final` returns the new
history. All of these values cross a process boundary as JSON, on the replica's own port.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from convonet.core.caller import AgentType, Caller
from convonet.core.hand_over import HandOverDecision, TransferContext
from convonet.core.ids import SessionId, TurnId


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the conversation as the agent remembers it."""

    role: Literal["user", "assistant"]
    content: str
    done: tuple[str, ...] = ()
    """Labels, for display, of the tools that changed something in that turn."""


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn. Its tool calls' idempotency keys derive from `turn_id`, so a repeated turn repeats no effect."""

    session_id: SessionId
    turn_id: TurnId
    caller: Caller
    transcript: str
    history: tuple[ChatMessage, ...] = ()
    agent_type: AgentType | None = None
    """Domain of the conversation so far."""
    memory: dict[str, str] = field(default_factory=dict)
    """State of the rules between turns, such as slots being filled. The session stores it without reading it."""
    language: str = "en-US"
    """BCP 47 tag of the caller's language."""
    provider: str | None = None
    """Provider to ask first, ahead of the caller's own choice; ignored when it isn't configured."""
    traceparent: str | None = None
    """W3C trace context of the session."""


@dataclass(frozen=True, slots=True)
class DomainChosen:
    agent_type: AgentType


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    call_id: str
    tool: str
    label: str
    """Label for display: "Adding the todo"."""
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolFinished:
    call_id: str
    tool: str
    label: str
    ok: bool
    """Also False when the tool answered with an error."""
    result: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class CallBackRequest:
    """A call back that was promised to the caller."""

    department: str
    reason: str = ""
    phone: str = ""
    """E.164 number that the caller gave for this call back only; empty for the number on file."""


@dataclass(frozen=True, slots=True)
class Final:
    """The end of the turn: the whole answer, and all that the session must remember for the next one."""

    text: str
    agent_type: AgentType
    provider: str
    model: str
    history: tuple[ChatMessage, ...]
    memory: dict[str, str] = field(default_factory=dict)
    hand_over: HandOverDecision | None = None
    call_back: CallBackRequest | None = None
    transfer_context: TransferContext | None = None
    """Briefing for the human, set with `hand_over` or `call_back`."""
    tokens_in: int = 0
    tokens_out: int = 0


AgentEvent = DomainChosen | TextDelta | ToolStarted | ToolFinished | Final


class Agent(Protocol):
    """Answers one turn."""

    def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """Stream the turn's events; the last one is `Final`. Closing the generator cancels the turn.

        Raises:
            AgentError: no answer can be given.
        """
        ...
