"""The parts of a form, and the decisions of its function. Domains declare their forms with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from convonet.agents.skill import Call, Claim, Outcome, UseTools
from convonet.language.sentences import Sentence

Values = Mapping[str, str]
"""Known values by slot; every value is text, as tools or the form's function take it."""


class Found(NamedTuple):
    """A value in a sentence, and the sentence without the words for it."""

    value: str
    rest: str


@dataclass(frozen=True, slots=True)
class Option:
    """One choice in a question."""

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
    """A value that a form needs."""

    name: str
    find: Callable[[str, datetime], Found | None]
    """Finds the value in a whole sentence, by the words around it ("for six people")."""
    read: Callable[[str, datetime], str | None] | None = None
    """Reads the value in an answer to `ask`, where it may stand alone ("six"). The default is `find`."""
    ask: str | None = None
    """Question; a slot without one is optional."""
    early: bool = False
    """Whether to find it before the others, which would take its words: a phone number is no number of people."""
    hint: str = ""
    """Said after the question when the answer was not understood: "For example: half past seven."""
    nothing: str | None = None
    """Value for the answer "nothing", in slots where that does not mean "stop"."""
    read_reply: ReplyReader | None = None
    """Reads a whole reply by its own rules, before any other form may claim it."""

    def value_in(self, answer: str, now: datetime) -> str | None:
        """Read the value in an answer to `ask`."""
        if self.read is not None:
            return self.read(answer, now)
        found = self.find(answer, now)
        return found.value if found else None


def find_nothing(text: str, now: datetime) -> None:
    """Find nothing, for slots whose value never stands in a sentence (`find`), or never alone (`read`)."""


@dataclass(frozen=True, slots=True)
class Tell:
    """The form is done."""

    text: str
    focus: Values = field(default_factory=dict)
    """New meanings of "it"; other values of the focus stay."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a slot, even one that has a value; with `options` the answer is one of them."""

    slot: str
    text: str
    options: tuple[Option, ...] = ()
    first: str = ""
    """Text before the question, which is not repeated with it: "I noted that."."""
    values: Values | None = None
    """Known values from now on; None keeps those so far."""
    form: str = ""
    """Name of the form that gets the answer; empty for this one."""
    focus: Values = field(default_factory=dict)
    """As in `Tell`, also when the caller goes on with something else."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask for a yes. After it the function is called with `agreed`."""

    text: str
    values: Values = field(default_factory=dict)
    """Values to add to those so far."""
    form: str = ""
    """Name of the form that goes on after the yes; empty for this one."""
    focus: Values = field(default_factory=dict)
    """As in `Ask`."""


Move = UseTools | Tell | Ask | Confirm


@dataclass(frozen=True, slots=True)
class Work:
    """The input of a form's function; `now` is in the caller's time zone."""

    values: Values
    focus: Values
    now: datetime
    agreed: bool = False
    outcomes: tuple[Outcome, ...] = ()

    def data(self, tool: str) -> dict[str, Any] | None:
        """Return the data of the tool's last call in this turn; None without a call."""
        return next((outcome.data for outcome in reversed(self.outcomes) if outcome.tool == tool), None)

    def answer(self, tool: str) -> str | None:
        """Return the text of the tool's last call in this turn; None without a call."""
        return next((outcome.text for outcome in reversed(self.outcomes) if outcome.tool == tool), None)


@dataclass(frozen=True, slots=True)
class Form:
    """A task for callers. It is pure: the same work gives the same move."""

    name: str
    act: Callable[[Work], Move]
    """Function that is called when every slot with a question has a value, and again after each round of tools."""
    patterns: tuple[re.Pattern[str], ...] = ()
    """Patterns of sentences that surely mean this form, searched in `Sentence.cleaned`."""
    about_it: tuple[re.Pattern[str], ...] = ()
    """Patterns that mean it when there is a focus: "cancel it"."""
    slots: tuple[Slot, ...] = ()
    """Slots in the order in which they are asked for."""
    corrected_by: str | None = None
    """Form that "make it six instead" means when this one is done; its own name if it can run again."""
    aside: bool = False
    """Whether it only informs, so that the open question is asked again after it."""
    drop_text: str = "Okay, I'll leave it."
    """Answer when the caller drops the form."""
    handles_failure: bool = False
    """Whether `act` handles a tool's failure; otherwise the tool's text is the answer."""

    def matches(self, text: str, focus: Values) -> bool:
        """Return whether the sentence surely means this form."""
        return any(pattern.search(text) for pattern in (*self.patterns, *(self.about_it if focus else ())))

    def values_in(self, text: str, now: datetime) -> dict[str, str]:
        """Find the slots' values in a sentence."""
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
    """A sentence as a domain's own grammar reads it: its form and the form's values."""

    form: str
    values: Values
    claim: Claim | None = None
    """Claim of the sentence for this domain; None leaves the decision to `FormSkill`'s `own_words`."""


Grammar = Callable[[str, datetime, Values], Parsed | None]
"""Reads `Sentence.cleaned`, given the focus, instead of the forms' patterns."""


def sentence(*patterns: str, never: str = "") -> tuple[re.Pattern[str], ...]:
    """Compile patterns of a form, ignoring case. A sentence with a match of `never` belongs to another domain."""
    guard = rf"^(?!.*\b(?:{never})\b).*?" if never else ""
    return (re.compile(f"{guard}(?:{'|'.join(patterns)})", re.IGNORECASE),)
