"""What the chain knows of a chat model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

Prepare = Callable[[Sequence[BaseMessage]], list[BaseMessage]]


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A chat model, and the names that the turn record shows."""

    provider: str
    name: str
    chat: BaseChatModel
    prepare: Prepare = list
    """Adapts a conversation to the vendor, such as by marks for its prompt cache."""
    says_why_it_stops: bool = False
    """Whether every whole answer ends with a reason for stopping, so that one without it was cut off."""
