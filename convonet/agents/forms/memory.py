"""The state of `FormSkill` between turns: the one open question, and the focus of the conversation."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import BaseModel, ValidationError

from convonet.agents.forms.form import Form, Option, Values
from convonet.agents.skill import QUESTION

log = structlog.get_logger(__name__)


class Question(BaseModel):
    """An open question, and the form that waits for the answer."""

    domain: str
    form: str
    values: dict[str, str]
    asks: str
    """Name of the slot; empty for a yes-or-no question."""
    text: str
    options: tuple[Option, ...] = ()
    last_slot: str = ""
    """Slot that the caller named last: "make it six" most likely means this one."""
    repeated: bool = False
    """Asked twice: if the next sentence does not answer it either, the caller wants something else."""


class Focus(BaseModel):
    values: dict[str, str] = {}
    """Meaning of "it"."""
    form: str = ""
    """Form that was run last."""
    given: dict[str, str] = {}
    """Values of that form."""
    failed: bool = False
    """Whether that form failed, so that a correction means to try it again."""


def question_in(memory: Mapping[str, str], domain: str) -> Question | None:
    """Return the open question, if it is this domain's."""
    try:
        question = Question.model_validate_json(memory[QUESTION])
    except (KeyError, ValidationError):
        return None
    return question if question.domain == domain else None


def focus_in(memory: Mapping[str, str], domain: str) -> Focus:
    """Return the focus; an unreadable one, as from an older release, counts as empty."""
    try:
        return Focus.model_validate_json(memory.get(domain, "{}"))
    except ValidationError:
        log.warning("memory_unreadable", entry=domain)
        return Focus()


def remembering(
    memory: Mapping[str, str], domain: str, focus: Focus, question: Question | None = None
) -> dict[str, str]:
    """Return the memory with this domain's part replaced."""
    kept = {name: value for name, value in memory.items() if name != QUESTION}
    kept[domain] = focus.model_dump_json(exclude_defaults=True)
    if question is not None:
        kept[QUESTION] = question.model_dump_json(exclude_defaults=True)
    return kept


def focus_after(focus: Focus, form: Form, given: Values, new_focus: Values, *, failed: bool) -> Focus:
    """Return the focus after a form is done or has failed."""
    return Focus(values={**focus.values, **new_focus}, form=form.name, given=dict(given), failed=failed)
