"""What a skill made of forms keeps between turns: the one open question, and what was talked about last."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import BaseModel, ValidationError

from convonet.agents.forms.form import Form, Option, Values
from convonet.agents.skill import QUESTION

log = structlog.get_logger(__name__)

MAX_OPTIONS = 10


class Question(BaseModel):
    """What was asked, and the form that waits for it. `asks` is the slot's name, empty when a yes is needed."""

    domain: str
    form: str
    values: dict[str, str]
    asks: str
    text: str
    options: tuple[Option, ...] = ()
    last_slot: str = ""
    """What the caller named last: "make it six" most likely means this."""
    repeated: bool = False
    """It was put twice: if the next sentence does not answer it either, the caller wants something else."""


class Focus(BaseModel):
    """`values` is what "it" means; `form` and `given` are the form that was done last and its values."""

    values: dict[str, str] = {}
    form: str = ""
    given: dict[str, str] = {}
    failed: bool = False
    """That form could not be done, so a correction means to try it again."""


def question_in(memory: Mapping[str, str], domain: str) -> Question | None:
    """The open question, if it is one of this domain's."""
    try:
        question = Question.model_validate_json(memory[QUESTION])
    except (KeyError, ValidationError):
        return None
    return question if question.domain == domain else None


def focus_in(memory: Mapping[str, str], domain: str) -> Focus:
    """The focus; an unreadable one, of an older release, counts as none."""
    try:
        return Focus.model_validate_json(memory.get(domain, "{}"))
    except ValidationError:
        log.warning("memory_unreadable", entry=domain)
        return Focus()


def remembering(
    memory: Mapping[str, str], domain: str, focus: Focus, question: Question | None = None
) -> dict[str, str]:
    """The memory with this domain's part replaced."""
    kept = {name: value for name, value in memory.items() if name != QUESTION}
    kept[domain] = focus.model_dump_json(exclude_defaults=True)
    if question is not None:
        kept[QUESTION] = question.model_dump_json(exclude_defaults=True)
    return kept


def focus_after(focus: Focus, form: Form, given: Values, talked_of: Values, *, failed: bool) -> Focus:
    """The focus when a form is done or has failed."""
    return Focus(values={**focus.values, **talked_of}, form=form.name, given=dict(given), failed=failed)
