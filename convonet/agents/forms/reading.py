"""Reads a sentence for the forms of a domain, given the open question and the focus. `FormSkill` calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from rapidfuzz import fuzz, process

from convonet.agents.forms.form import Form, Grammar, Option, Reply, Values
from convonet.agents.forms.memory import Focus, Question
from convonet.agents.skill import Claim
from convonet.language.clock import number_of
from convonet.language.sentences import Sentence

MIN_OPTION_SCORE = 75.0
"""Score (rapidfuzz's token_set_ratio) from which a spoken choice means an option."""

_CORRECTION = re.compile(
    r"^(?P<opening>(?:(?:no|actually|sorry|wait|oh|hmm|well|rather|instead|better|i mean|i meant|i said)[,. ]+)*"
    r"(?:(?:please )?(?:make|change|move|switch|put|set) (?:it|that|this|them|the \w+(?: \w+)?)(?: to| at| for| as)?|"
    r"(?:and )?(?:what|how) about|and (?=(?:for|on|at|in|with) )|let's (?:say|make it|do)|it should be|it's|it is)?) ?"
    r"(?P<value>.+?)(?P<closing>,? (?:instead|rather|then))?$",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(r"(?:no|actually|sorry|wait|i mean|i meant)\b", re.IGNORECASE)
"""Openings of an answer that most likely corrects an earlier one."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PLACE = re.compile(
    rf"(?:the |number |option )?(?P<place>{'|'.join(_ORDINALS)}|last|\d|one|two|three|four|five)(?: (?:one|option))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Filling:
    """A form with its known values."""

    form: Form
    values: Values
    agreed: bool = False
    last_slot: str = ""
    answers: bool = False
    """Whether the sentence answers the open question or corrects a value, and means nothing without it."""
    claim: Claim | None = None
    """As in `Parsed`."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the sentences of one domain."""

    forms: Mapping[str, Form]
    grammar: Grammar | None = None

    def read(
        self, said: Sentence, now: datetime, question: Question | None, focus: Focus, suggested_form: str | None
    ) -> Filling | Literal["dropped", "unclear"] | None:
        """Return the form that a sentence fills; None when it belongs to no form."""
        text = said.cleaned
        form = question and self.forms.get(question.form)
        if question and form:
            read_answer = self._answers_slot if question.asks else self._answers_yes_or_no
            answered = read_answer(question, form, said, now, focus)
            if answered is not None and not (answered == "unclear" and question.repeated):
                return answered
        if wanted := self._wanted(text, now, focus):
            again = question is not None and wanted.form is form and self.grammar is None
            # the same form again, in more or other words: known values stay
            return replace(wanted, values={**question.values, **wanted.values}) if question and again else wanted
        if corrected := self._corrects_last(focus, said.bare, now):
            return corrected
        if question and form:
            return None if question.repeated else "unclear"
        if suggested_form and suggested_form in self.forms and self.grammar is None:
            return Filling(self.forms[suggested_form], self.forms[suggested_form].values_in(text, now))
        return None

    def _wanted(self, text: str, now: datetime, focus: Focus) -> Filling | None:
        if self.grammar is not None:
            parsed = self.grammar(text, now, focus.values)
            return Filling(self.forms[parsed.form], parsed.values, claim=parsed.claim) if parsed else None
        form = next((form for form in self.forms.values() if form.matches(text, focus.values)), None)
        return Filling(form, form.values_in(text, now)) if form else None

    def _answers_yes_or_no(
        self, question: Question, form: Form, said: Sentence, now: datetime, focus: Focus
    ) -> Filling | Literal["dropped", "unclear"] | None:
        match said.answer:
            case "yes":
                return Filling(form, question.values, agreed=True, answers=True)
            case "no" | "drop":
                return "dropped"
        # a sentence for another form is no correction, unless it begins like one: "change the table to six"
        interrupts = self._interrupts(form, said.cleaned, focus)
        return _corrected(form, question.values, question.last_slot, said.bare, now, need_opening=interrupts)

    def _answers_slot(
        self, question: Question, form: Form, said: Sentence, now: datetime, focus: Focus
    ) -> Filling | Literal["dropped", "unclear"] | None:
        text = said.cleaned
        slot = next(slot for slot in form.slots if slot.name == question.asks)
        if slot.read_reply is not None:
            reply = slot.read_reply(Reply(said, now, question.values, question.options))
            return _filled(form, question, reply, slot.name) if isinstance(reply, Mapping) else reply
        if slot.nothing is not None and text.lower() == "nothing":
            return _filled(form, question, {slot.name: slot.nothing}, slot.name)
        if said.answer == "drop":
            return "dropped"
        if question.options:
            chosen = _chosen(question.options, text)
            if chosen is None and said.answer == "no":
                return "dropped"
            return _filled(form, question, {slot.name: chosen}, slot.name) if chosen else None
        if self._interrupts(form, text, focus):
            return None
        values = form.values_in(text, now)
        corrected = _corrected(form, question.values, question.last_slot, said.bare, now, need_opening=True)
        if not values and corrected and _SECOND_THOUGHT.match(said.bare):
            return corrected
        if slot.name not in values and (value := slot.value_in(text, now)):
            values[slot.name] = value
        return _filled(form, question, values, slot.name) if values else corrected

    def _interrupts(self, form: Form, text: str, focus: Focus) -> bool:
        """Return whether the sentence means another form and is no answer: "what's on the menu?"."""
        return any(other.matches(text, focus.values) for other in self.forms.values() if other is not form)

    def _corrects_last(self, focus: Focus, text: str, now: datetime) -> Filling | None:
        """Read a correction of the last form: "make it six instead"."""
        done = self.forms.get(focus.form)
        if done is None:
            return None
        form = done if focus.failed else self.forms.get(done.corrected_by or "")
        if form is None:
            return None
        given = focus.given if form is done else {}
        return _corrected(form, given, "", text, now, need_opening=True, all_slots=form is not done)


def _filled(form: Form, question: Question, found: Values, last_slot: str) -> Filling:
    return Filling(form, {**question.values, **found}, last_slot=last_slot, answers=True)


def _corrected(
    form: Form,
    values: Values,
    last_slot: str,
    text: str,
    now: datetime,
    *,
    need_opening: bool,
    all_slots: bool = False,
) -> Filling | None:
    match = _CORRECTION.match(text)
    if match is None or (need_opening and not (match["opening"] or match["closing"])):
        return None
    said = match["value"]
    # the whole text first: in "make the loan four hundred thousand" the opening may have taken the "four"
    found = form.values_in(text, now) or form.values_in(said, now)
    if not found:
        slots = sorted(form.slots, key=lambda slot: slot.name != last_slot)
        known = [slot for slot in slots if all_slots or slot.name in values]
        found = next(({slot.name: value} for slot in known if (value := slot.value_in(said, now))), {})
    if not found:
        return None
    return Filling(form, {**values, **found}, last_slot=next(iter(found)), answers=True)


def _chosen(options: Sequence[Option], text: str) -> str | None:
    if place := _PLACE.fullmatch(text):
        index = _index(place["place"].lower())
        if -len(options) <= index < len(options):
            return options[index].value
    best = process.extractOne(
        text.lower(), [o.label.lower() for o in options], scorer=fuzz.token_set_ratio, score_cutoff=MIN_OPTION_SCORE
    )
    return options[best[2]].value if best else None


def _index(word: str) -> int:
    if word == "last":
        return -1
    return _ORDINALS.index(word) if word in _ORDINALS else number_of(word) - 1
