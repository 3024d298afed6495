"""An answer as it comes in, part by part, and what is wrong with it when it is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from convonet.agents.models.base import (
    AssistantMessage,
    CallPart,
    Memory,
    OwnMessage,
    Part,
    Stop,
    TextPart,
    ToolCall,
    Usage,
)
from convonet.agents.models.failures import Failure
from convonet.agents.models.wire_json import arguments_of


@dataclass(slots=True)
class _Call:
    """A tool call of which pieces are still to come."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, piece: CallPart) -> None:
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        self.arguments += piece.arguments


class Gathering:
    """One answer; `text` is all of its words so far."""

    def __init__(self) -> None:
        self.text = ""
        self.usage = Usage()
        self.memory: dict[str, str] | None = None
        self._stop: Stop | None = None
        self._own: OwnMessage | None = None
        self._calls: dict[int, _Call] = {}

    @property
    def has_calls(self) -> bool:
        """Whether a piece of a tool call has come."""
        return bool(self._calls)

    def add(self, part: Part) -> None:
        """Take the next part."""
        match part:
            case TextPart(text):
                self.text += text
            case CallPart():
                self._calls.setdefault(part.index, _Call()).add(part)
            case Usage():
                known = {"tokens_in": part.tokens_in, "tokens_out": part.tokens_out}
                self.usage = replace(self.usage, **{name: count for name, count in known.items() if count is not None})
            case Stop() if self._stop is None or self._stop.kind == "end":
                # a refusal stays one, whatever comes after it
                self._stop = part
            case OwnMessage():
                self._own = part
            case Memory(memory):
                self.memory = memory

    def failure(self, *, says_why: bool) -> Failure | None:
        """What is wrong with the answer, which has come to its end without an error.

        Args:
            says_why: whether this model always gives the reason for which it stopped.
        """
        match self._stop:
            case None if says_why:
                return Failure("cut off")
            case Stop("refused", reason):
                return Failure(f"refused: {reason}", rest=False)
            case Stop("no room", reason):
                return Failure(f"cut off: {reason}", rest=False)
            case Stop("bad call"):
                return Failure("a tool call that is no JSON", rest=False)
        if any(arguments_of(call.arguments) is None for call in self._calls.values()):
            return Failure("a tool call that is no JSON", rest=False)
        if not self.text.strip() and not self._calls:
            return Failure(f"empty answer {self._stop.reason if self._stop else ''}".rstrip(), rest=False)
        return None

    def message(self, provider: str, before: str) -> AssistantMessage:
        """The whole answer; `before` is what the caller heard before it, of models that failed."""
        calls = tuple(
            # most vendors find the call of a result by its id, and so does the turn record
            ToolCall(call.id or f"call_{uuid.uuid4().hex}", call.name, arguments_of(call.arguments) or {})
            for call in self._calls.values()
        )
        own = self._own.blocks if self._own and not before else ()
        return AssistantMessage(before + self.text, calls, provider, own)
