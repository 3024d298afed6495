"""The memory of the todo skill between turns: the todos that were talked about, and the open question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import structlog
from pydantic import BaseModel, ValidationError

from convonet.agents.skill import QUESTION
from convonet.domains.todo.offline.intents import Intent, Named

log = structlog.get_logger(__name__)

FOCUS = "todo"

MOST_REMEMBERED = 30
"""Todos of a list that "the third one" and "more" can still mean; the memory is saved at every turn."""


class Focus(BaseModel):
    """`last` is what "it" means; of `listed`, the first `heard` were read out."""

    last: Named | None = None
    listed: tuple[Named, ...] = ()
    heard: int = 0


class Question(BaseModel):
    """A question, with the intent that waits for its answer."""

    domain: Literal["todo"] = "todo"
    asks: Literal["title", "add", "which", "mean", "sure", "value"]
    intent: Intent
    candidates: tuple[Named, ...] = ()
    text: str
    """The question as it was put, to put it again."""
    repeated: bool = False
    """It was put twice: if the next sentence does not answer it either, the caller wants something else."""


def focus_in(memory: Mapping[str, str]) -> Focus:
    """The focus; an unreadable one, of an older release, counts as none."""
    try:
        return Focus.model_validate_json(memory.get(FOCUS, "{}"))
    except ValidationError:
        log.warning("memory_unreadable", entry=FOCUS)
        return Focus()


def question_in(memory: Mapping[str, str]) -> Question | None:
    """The open question, if it is one of ours."""
    try:
        return Question.model_validate_json(memory[QUESTION])
    except (KeyError, ValidationError):
        return None


def remembering(memory: Mapping[str, str], focus: Focus, question: Question | None = None) -> dict[str, str]:
    """The memory with ours replaced."""
    focus = focus.model_copy(update={"listed": focus.listed[:MOST_REMEMBERED]})
    kept = {name: value for name, value in memory.items() if name != QUESTION}
    kept[FOCUS] = focus.model_dump_json(exclude_defaults=True)
    if question is not None:
        kept[QUESTION] = question.model_dump_json()
    return kept
