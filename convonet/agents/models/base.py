"""The types between the agent and its chat models: typed requests in, answers in typed parts out.

The messages are our own, so neither a vendor's wire format nor a library's classes reach the graph. There are two kinds
of model: `hosted.HostedModel`, with one file per vendor beside this one, and `rules.RulesModel`, which needs no server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from convonet.agents.models.failures import Failure
from convonet.agents.models.health import Health

MAX_ANSWER_TOKENS = 1024
"""A spoken answer has a few dozen tokens, a tool call a few hundred."""

# -- requests


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a tool; each call of a turn has its own id."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserMessage:
    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """An answer. Of answers from earlier turns, only the text is known."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    provider: str = ""
    """Provider that gave it, if it belongs to this turn."""
    native: tuple[Mapping[str, Any], ...] = ()
    """The same answer in `provider`'s format, where text and calls do not hold all of it: signed thoughts."""


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """A tool's result; `text` can be spoken, even after a failure."""

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
    instructions: str
    """The same in every turn of a domain, so that vendors can cache it."""
    facts: str
    """The caller, the date and the time."""

    @property
    def text(self) -> str:
        return f"{self.instructions}\n{self.facts}" if self.instructions else self.facts


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it; `parameters` is a JSON Schema without references."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Toolset:
    """Tools that are offered together. A name always means the same tools: each vendor's JSON is cached by it."""

    name: str
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request to a hosted model."""

    system: SystemPrompt
    messages: tuple[Message, ...]
    tools: Toolset


@dataclass(frozen=True, slots=True)
class TurnModelRequest(ModelRequest):
    """A request that belongs to a turn, with the values that the rules need beside the messages."""

    domain: str
    now: datetime
    """In the caller's time zone."""
    memory: Mapping[str, str]
    suggested_form: str | None
    """The classifier's guess."""


# -- answers


@dataclass(frozen=True, slots=True)
class TextPart:
    """The next piece of the text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPart:
    """A piece of a tool call. Pieces of the same `index` belong together; the first one has the name."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    """A piece of the JSON object."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens so far. A later value replaces an earlier one; None leaves it."""

    tokens_in: int | None = None
    tokens_out: int | None = None


StopKind = Literal["end", "refused", "no room", "bad call"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the model stopped; `reason` is the vendor's name for it."""

    kind: StopKind
    reason: str


@dataclass(frozen=True, slots=True)
class NativeMessage:
    """The whole answer in the vendor's format: see `AssistantMessage.native`."""

    blocks: tuple[Mapping[str, Any], ...]


Part = TextPart | CallPart | Usage | Stop | NativeMessage


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A whole answer."""

    message: AssistantMessage
    provider: str
    model: str
    memory: dict[str, str] | None = None
    """Memory for the next turn, from the rules only."""
    tokens_in: int = 0
    tokens_out: int = 0


class Model(Protocol):
    """One model of the chain, with its health."""

    provider: str
    is_hosted: bool
    health: Health

    def is_called(self, name: str | None) -> bool:
        """Return whether the provider that a caller or a request chose is this model."""
        return name == self.provider

    def answer(self, request: TurnModelRequest, spoken: str) -> AsyncGenerator[str | ModelAnswer | Failure, None]:
        """Stream pieces of text; the last item is the whole answer, or the failure.

        `spoken` is what other models said before they failed; the answer continues it.
        """
        ...

    async def probe(self) -> None:
        """Test the model outside of any turn, so that no caller waits for it."""
        return

    async def close(self) -> None:
        """Close open connections."""
        return


class VendorClient(Protocol):
    """A client for one vendor's API; `HostedModel` gives it timeouts, health and tracing."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """Stream one answer. Closing the generator ends the vendor's work.

        Raises:
            ModelFailed: the vendor failed, possibly in the middle.
        """
        ...

    async def close(self) -> None:
        """Close open connections."""
        ...


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A hosted model as settings name it, with its client."""

    provider: str
    name: str
    client: VendorClient
    gives_stop_reason: bool = False
    """Whether every whole answer ends with a stop reason, so that one without it was cut off."""
    aliases: frozenset[str] = frozenset()
    """Other provider names by which a caller or a request may choose it."""
