"""Builds a whole answer from its streamed parts and finds its faults. `HostedModel` and the server check use it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from convonet.agents.models.base import (
    AssistantMessage,
    CallPart,
    NativeMessage,
    Part,
    Stop,
    TextPart,
    ToolCall,
    Usage,
)
from convonet.agents.models.failures import Failure
from convonet.agents.models.wire_json import arguments_of

BAD_TOOL_CALL = "a tool call that is no JSON"


@dataclass(slots=True)
class _Call:
    """An incomplete tool call."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def add_piece(self, piece: CallPart) -> None:
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        self.arguments += piece.arguments


class AnswerBuilder:
    """One answer; `text` is all of its text so far."""

    def __init__(self) -> None:
        self.text = ""
        self.usage = Usage()
        self._stop: Stop | None = None
        self._native: NativeMessage | None = None
        self._calls: dict[int, _Call] = {}

    @property
    def has_calls(self) -> bool:
        """Whether a piece of a tool call has arrived."""
        return bool(self._calls)

    def add_part(self, part: Part) -> None:
        """Add the next part."""
        match part:
            case TextPart(text):
                self.text += text
            case CallPart():
                self._calls.setdefault(part.index, _Call()).add_piece(part)
            case Usage():
                known = {"tokens_in": part.tokens_in, "tokens_out": part.tokens_out}
                self.usage = replace(self.usage, **{name: count for name, count in known.items() if count is not None})
            case Stop() if self._stop is None or self._stop.kind == "end":
                # a refusal stays a refusal, whatever follows
                self._stop = part
            case NativeMessage():
                self._native = part

    def failure(self, *, needs_stop_reason: bool) -> Failure | None:
        """Return the fault of an answer whose stream ended without an error; None for a good one.

        Args:
            needs_stop_reason: whether an answer without a stop reason was cut off.
        """
        match self._stop:
            case None if needs_stop_reason:
                return Failure("cut off")
            case Stop("refused", reason):
                return Failure(f"refused: {reason}", rest=False)
            case Stop("no room", reason):
                return Failure(f"cut off: {reason}", rest=False)
            case Stop("bad call"):
                return Failure(BAD_TOOL_CALL, rest=False)
        if any(arguments_of(call.arguments) is None for call in self._calls.values()):
            return Failure(BAD_TOOL_CALL, rest=False)
        if not self.text.strip() and not self._calls:
            return Failure(f"empty answer {self._stop.reason if self._stop else ''}".rstrip(), rest=False)
        return None

    def message(self, provider: str, before: str) -> AssistantMessage:
        """Return the whole answer; `before` is the text of models that failed before this one."""
        calls = tuple(
            # most vendors match a result to its call by this id, and so does the turn record
            ToolCall(call.id or f"call_{uuid.uuid4().hex}", call.name, arguments_of(call.arguments) or {})
            for call in self._calls.values()
        )
        native = self._native.blocks if self._native and not before else ()
        return AssistantMessage(before + self.text, calls, provider, native)
