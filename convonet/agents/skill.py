"""The interface of a domain's rules: a `Skill` reads one sentence and the tools' results, and decides the next step.

`RulesModel` asks it again after each round of tools, so it is pure: the same turn gives the same step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol

from convonet.language.sentences import Sentence

QUESTION = "question"
"""Memory key of the one question that waits for the caller's answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tool's result; `text` can be spoken, even after a failure."""

    tool: str
    ok: bool
    text: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SkillTurn:
    """A sentence with its context; `now` is in the caller's time zone."""

    said: Sentence
    now: datetime
    memory: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    """Tool results of this turn so far, in the order of the calls."""
    suggested_form: str | None = None
    """The classifier's guess: a heading of the domain's examples."""


@dataclass(frozen=True, slots=True)
class Call:
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UseTools:
    """Independent tool calls whose results the skill needs before it continues."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """An answer, and the whole memory for the next turn."""

    text: str
    memory: dict[str, str] = field(default_factory=dict)


Step = UseTools | Say


class Claim(IntEnum):
    """A skill's confidence that a sentence belongs to its domain."""

    NONE = 0
    MAYBE = 1
    """The rules allow it: an answer that was not understood, or a task that mentions no list."""
    LIKELY = 2
    """The verb alone matches, as it might in other domains: "cancel the dinner"."""
    SURE = 3
    ANSWER = 4
    """The sentence answers this domain's open question."""


class Skill(Protocol):
    """One domain's rules."""

    def claims(self, turn: SkillTurn) -> Claim:
        """Return how confident the rules are that the sentence belongs to this domain."""
        ...

    def step(self, turn: SkillTurn) -> Step:
        """Decide the next step."""
        ...
