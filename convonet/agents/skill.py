"""How a domain teaches the offline model: a skill reads one sentence, and what tools have answered, by rules.

A skill is pure: the same turn gives the same step, so the model may ask again after each tool result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol

from convonet.language.sentences import Sentence

QUESTION = "question"
"""Memory entry of the one question that waits for the caller's answer; whoever answers anything else drops it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool answered; `text` can be spoken, also when it failed."""

    tool: str
    ok: bool
    text: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SkillTurn:
    """What the caller said, with all that the skill may know; `now` is in the caller's time zone."""

    said: Sentence
    now: datetime
    memory: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    """The tool results of this turn so far, in the order of the calls."""
    suggested: str | None = None
    """What the classifier takes the sentence for, by the name under which the domain keeps its example lines."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to be called."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UseTools:
    """The skill needs the results of these calls, which are independent of each other, before it goes on."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """The answer, and the whole memory for the next turn."""

    text: str
    memory: dict[str, str] = field(default_factory=dict)


Step = UseTools | Say


class Claim(IntEnum):
    """How sure a skill is that a sentence is for it."""

    NONE = 0
    MAYBE = 1
    """The rules allow it: an answer that was not understood, a thing to do with no word about a list."""
    LIKELY = 2
    """The rules take it by its verb alone, as other domains might: "cancel the dinner"."""
    SURE = 3
    ANSWER = 4
    """It answers the question that this domain has asked."""


class Skill(Protocol):
    """One domain's rules."""

    def claims(self, turn: SkillTurn) -> Claim:
        """Whether the sentence is one of this domain's, by the rules alone."""
        ...

    def step(self, turn: SkillTurn) -> Step:
        """What to do next."""
        ...
