"""What a form is made of, and what its function may decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from convonet.agents.skill import Call, Claim, Outcome, UseTools
from convonet.language.sentences import Sentence

Values = Mapping[str, str]
"""What is known, by slot; every value is text, as tools or the form's function take it."""


class Found(NamedTuple):
    """A value in a sentence, and the sentence without the words that said it."""

    value: str
    rest: str


@dataclass(frozen=True, slots=True)
class Option:
    """One of several things that the caller may choose from."""

    label: str
    value: str


class Reply(NamedTuple):
    """The caller's reply to an open question, with the values and options that the question remembers."""

    said: Sentence
    now: datetime
    values: Values
    options: tuple[Option, ...]


ReplyReader = Callable[[Reply], Values | Literal["dropped", "unclear"] | None]
"""Returns the values that a reply adds; None when it is no reply but asks for something else."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that a form needs to know."""

    name: str
    find: Callable[[str, datetime], Found | None]
    """Hears it in a whole sentence, where words around it must tell what it is ("for six people")."""
    read: Callable[[str, datetime], str | None] | None = None
    """Reads it in the answer to `ask`, where it may stand alone ("six"); left out, it is read as `find` does."""
    ask: str | None = None
    """The question; a slot without one is optional."""
    early: bool = False
    """Heard before the others, which would take its words for theirs: a phone number is no number of people."""
    hint: str = ""
    """Said after the question when the answer was not understood: "For example: half past seven."""
    nothing: str | None = None
    """The value of "nothing", where that is an answer and not the wish to stop."""
    read_reply: ReplyReader | None = None
    """Reads a whole reply by rules of its own, before any other form may claim it."""

    def value_in(self, answer: str, now: datetime) -> str | None:
        """Read the value in an answer to `ask`."""
        if self.read is not None:
            return self.read(answer, now)
        found = self.find(answer, now)
        return found.value if found else None


def unheard(text: str, now: datetime) -> None:
    """Find nothing, as `find` or `read` of a slot that is only chosen or only found."""


@dataclass(frozen=True, slots=True)
class Tell:
    """The form is done. `focus` is what "it" means from now on; what is not named there stays."""

    text: str
    focus: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A slot must be asked for, (again,) in these words; with `options` the answer is one of them."""

    slot: str
    text: str
    options: tuple[Option, ...] = ()
    first: str = ""
    """Said before the question, and not again when the question is repeated: "I noted that."."""
    values: Values | None = None
    """What is known from now on; left out, all that was known so far."""
    form: str = ""
    """The form to which the answer goes, unless it is this one."""
    focus: Values = field(default_factory=dict)
    """What was talked about meanwhile: what "it" means, also when the caller goes on with something else."""


@dataclass(frozen=True, slots=True)
class Sure:
    """A yes is needed. After it the function is called with `agreed`, and with `values` beside those it had."""

    text: str
    values: Values = field(default_factory=dict)
    form: str = ""
    """The form that goes on after the yes, unless it is this one."""
    focus: Values = field(default_factory=dict)
    """As in `Ask`."""


Move = UseTools | Tell | Ask | Sure


@dataclass(frozen=True, slots=True)
class Work:
    """What a form's function sees; `now` is in the caller's time zone."""

    values: Values
    focus: Values
    now: datetime
    agreed: bool = False
    outcomes: tuple[Outcome, ...] = ()

    def data(self, tool: str) -> dict[str, Any] | None:
        """What the tool's last call of this turn returned; None when it was not called yet."""
        return next((outcome.data for outcome in reversed(self.outcomes) if outcome.tool == tool), None)

    def answer(self, tool: str) -> str | None:
        """What the tool's last call of this turn said."""
        return next((outcome.text for outcome in reversed(self.outcomes) if outcome.tool == tool), None)


@dataclass(frozen=True, slots=True)
class Form:
    """One thing that callers want done. It is pure: the same work gives the same move."""

    name: str
    act: Callable[[Work], Move]
    """Called when every slot with a question has a value, and again after each step of tools."""
    patterns: tuple[re.Pattern[str], ...] = ()
    """Sentences that surely mean this form, searched in what `Sentence.cleaned` leaves of them."""
    about_it: tuple[re.Pattern[str], ...] = ()
    """Sentences that mean it when something was talked about: "cancel it"."""
    slots: tuple[Slot, ...] = ()
    """In the order in which they are asked for."""
    corrected_by: str | None = None
    """The form that "make it six instead" means when this one is done; its own name if it may simply run again."""
    aside: bool = False
    """It only tells something: the question that was open is put again after it."""
    left: str = "Okay, I'll leave it."
    """Said when the caller does not want it any more."""
    handles_failure: bool = False
    """Whether `act` wants to see the outcome of a tool that failed; else what the tool said is the answer."""

    def matches(self, text: str, focus: Values) -> bool:
        """Whether the sentence surely means this form."""
        return any(pattern.search(text) for pattern in (*self.patterns, *(self.about_it if focus else ())))

    def heard(self, text: str, now: datetime) -> dict[str, str]:
        """The values that are in a sentence."""
        values = {}
        for slot in sorted(self.slots, key=lambda slot: not slot.early):
            if found := slot.find(text, now):
                values[slot.name], text = found
        return values


def answered_by(work: Work, call: Call) -> Move:
    """Call a tool, then say its answer."""
    answer = work.answer(call.tool)
    return UseTools((call,)) if answer is None else Tell(answer)


class Parsed(NamedTuple):
    """A sentence as a domain's own grammar reads it: the form that it means, and the form's values."""

    form: str
    values: Values
    claim: Claim | None = None
    """How sure the grammar is that the sentence is this domain's; None leaves that to the domain's own words."""


Grammar = Callable[[str, datetime, Values], Parsed | None]
"""Reads what `Sentence.cleaned` leaves of a sentence, given the focus, instead of the forms' patterns."""


def sentence(*patterns: str, never: str = "") -> tuple[re.Pattern[str], ...]:
    """Patterns of a form; upper and lower case are alike. A sentence with a word of `never` is another domain's."""
    guard = rf"^(?!.*\b(?:{never})\b).*?" if never else ""
    return (re.compile(f"{guard}(?:{'|'.join(patterns)})", re.IGNORECASE),)
