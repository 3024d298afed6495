"""What passes between the agent and a chat model: a typed request in, an answer in typed parts out.

The messages are our own: no vendor's wire format and no library's classes reach the graph. One file per vendor beside
this one knows how they travel.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

MAX_ANSWER_TOKENS = 1024
"""Of one answer; a spoken one has a few dozen, a tool call may have some hundred."""

# -- what a model is asked


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants to use; every call of a turn has an id of its own."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserMessage:
    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """An answer. Of those of earlier turns only the text is known."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    provider: str = ""
    """The model that gave it, in this turn."""
    own: tuple[Mapping[str, Any], ...] = ()
    """The same answer as `provider` wants it back, where text and calls do not say all: signed thoughts."""


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """What a tool answered; `text` can be spoken, also when it failed."""

    call_id: str
    tool: str
    ok: bool
    text: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, Any]:
        """The result as a hosted model reads it."""
        return {"message": self.text, "data": self.data}


Message = UserMessage | AssistantMessage | ToolMessage


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """What a model is told first."""

    instructions: str
    """The same in every turn of a domain, so that vendors may cache it."""
    facts: str
    """Who calls, and what day it is."""

    @property
    def text(self) -> str:
        return f"{self.instructions}\n{self.facts}" if self.instructions else self.facts


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is offered to a model; `parameters` is a JSON Schema without references."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Toolset:
    """Tools that are offered together. They are converted once for each vendor: a name always means the same tools."""

    name: str
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Briefing:
    """The facts of a turn as values, for the rules of the offline model; `now` is in the caller's time zone."""

    domain: str
    now: datetime
    memory: Mapping[str, str]
    suggested: str | None
    """The form for which the classifier takes the sentence."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a model."""

    system: SystemPrompt
    messages: tuple[Message, ...]
    tools: Toolset
    briefing: Briefing | None = None
    """None: it does not belong to a turn. Only the offline model needs it."""


# -- what a model answers


@dataclass(frozen=True, slots=True)
class TextPart:
    """Some words, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPart:
    """A piece of a tool call; pieces of the same `index` belong together, and the name comes with the first."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    """A piece of the JSON object."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the answer so far; later ones replace earlier ones, None leaves what was there."""

    tokens_in: int | None = None
    tokens_out: int | None = None


StopKind = Literal["end", "refused", "no room", "bad call"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the model stopped: `reason` is the vendor's name for it."""

    kind: StopKind
    reason: str


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """The answer as the vendor wants it back: see `AssistantMessage.own`."""

    blocks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """What the offline model wants to remember for the next turn."""

    memory: dict[str, str]


Part = TextPart | CallPart | Usage | Stop | OwnMessage | Memory


class ChatModel(Protocol):
    """Answers requests, any number at once."""

    def answer(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """Stream one answer. Closing the generator ends the vendor's work.

        Raises `ModelFailed` when the vendor fails, also in the middle.
        """
        ...

    async def close(self) -> None:
        """Close what is open to the vendor."""
        ...


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A chat model, and the names that the turn record shows."""

    provider: str
    name: str
    chat: ChatModel
    says_why_it_stops: bool = False
    """Whether every whole answer ends with a reason for stopping, so that one without it was cut off."""
    other_names: frozenset[str] = frozenset()
    """What else callers' and requests' choices of a provider may call it."""
