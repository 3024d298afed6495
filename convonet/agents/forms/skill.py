"""The skill of a domain with forms: asks for values, takes corrections, confirms, and runs the forms' functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from convonet.agents.forms.form import Ask, Confirm, Form, Grammar, Move, Tell, Values, Work
from convonet.agents.forms.memory import Focus, Question, focus_after, focus_in, question_in, remembering
from convonet.agents.forms.reading import Filling, Reader
from convonet.agents.skill import Claim, Say, SkillTurn, Step, UseTools


class FormSkill:
    """Implements `Skill` with forms.

    Without a match of `own_words` (a pattern) or `Form.about_it`, a sentence is claimed as likely, not as sure.
    `not_understood` answers a sentence that fits no form. A `grammar` reads sentences instead of the forms' patterns.
    """

    def __init__(
        self, domain: str, forms: Sequence[Form], *, own_words: str, not_understood: str, grammar: Grammar | None = None
    ) -> None:
        self._domain = domain
        self._own_words = re.compile(rf"\b(?:{own_words})\b", re.IGNORECASE)
        self._not_understood = not_understood
        self._reader = Reader({form.name: form for form in forms}, grammar)

    def claims(self, turn: SkillTurn) -> Claim:
        """See `Skill.claims`."""
        question, focus = question_in(turn.memory, self._domain), focus_in(turn.memory, self._domain)
        read = self._reader.read(turn.said, turn.now, question, focus, None)
        if read is None:
            return Claim.NONE
        if read == "unclear":
            return Claim.MAYBE
        if read == "dropped" or read.answers:
            return Claim.ANSWER if question else Claim.SURE
        if read.claim is not None:
            return read.claim
        about_it = any(pattern.search(turn.said.cleaned) for pattern in read.form.about_it)
        return Claim.SURE if about_it or self._own_words.search(turn.said.raw) else Claim.LIKELY

    def step(self, turn: SkillTurn) -> Step:
        """See `Skill.step`."""
        question, focus = question_in(turn.memory, self._domain), focus_in(turn.memory, self._domain)
        read = self._reader.read(turn.said, turn.now, question, focus, turn.suggested_form)
        match read:
            case None:
                return Say(self._not_understood, remembering(turn.memory, self._domain, focus))
            case "dropped":
                text = self._reader.forms[question.form].drop_text if question else ""
                return Say(text, remembering(turn.memory, self._domain, focus))
            case "unclear":
                return self._ask_again(turn, focus, question)
            case Filling():
                return self._continue(turn, focus, read)

    def _continue(self, turn: SkillTurn, focus: Focus, filling: Filling) -> Step:
        form, values = filling.form, filling.values
        failed = next((outcome for outcome in turn.outcomes if not outcome.ok), None)
        if failed is not None and not form.handles_failure:
            after = focus_after(focus, form, values, {}, failed=True)
            return Say(failed.text, remembering(turn.memory, self._domain, after))
        missing = next((slot for slot in form.slots if slot.ask and slot.name not in values), None)
        if missing is not None and missing.ask is not None:
            return self._ask(turn, focus, filling, Ask(missing.name, missing.ask))
        work = Work(values, focus.values, turn.now, filling.agreed, turn.outcomes)
        return self._carry_out(turn, focus, filling, form.act(work))

    def _carry_out(self, turn: SkillTurn, focus: Focus, filling: Filling, move: Move) -> Step:
        match move:
            case UseTools():
                return move
            case Tell(text, new_focus):
                return self._finish(turn, focus, filling, text, new_focus)
            case Ask() | Confirm():
                return self._ask(turn, focus, filling, move)

    def _finish(self, turn: SkillTurn, focus: Focus, filling: Filling, text: str, new_focus: Values) -> Say:
        after = focus_after(focus, filling.form, filling.values, new_focus, failed=_failed(turn))
        question = question_in(turn.memory, self._domain)
        if question is None or filling.answers or not filling.form.aside:
            return Say(text, remembering(turn.memory, self._domain, after))
        # "what's on the menu?" in the middle of a booking, which goes on
        return Say(f"{text} {question.text}", remembering(turn.memory, self._domain, focus, question))

    def _ask(self, turn: SkillTurn, focus: Focus, filling: Filling, move: Ask | Confirm) -> Say:
        if move.form:
            filling = replace(filling, form=self._reader.forms[move.form])
        focus = focus.model_copy(update={"values": {**focus.values, **move.focus}})
        if isinstance(move, Confirm):
            question = self._question(filling, {**filling.values, **move.values}, "", move.text)
            return Say(move.text, remembering(turn.memory, self._domain, focus, question))
        values = dict(filling.values if move.values is None else move.values)
        values.pop(move.slot, None)
        question = self._question(filling, values, move.slot, move.text)
        question = question.model_copy(update={"options": move.options})
        text = f"{move.first} {move.text}".lstrip()
        return Say(text, remembering(turn.memory, self._domain, focus, question))

    def _question(self, filling: Filling, values: Values, asks: str, text: str) -> Question:
        return Question(
            domain=self._domain,
            form=filling.form.name,
            values=dict(values),
            asks=asks,
            text=text,
            last_slot=asks or filling.last_slot,
        )

    def _ask_again(self, turn: SkillTurn, focus: Focus, question: Question | None) -> Say:
        if question is None:
            return Say(self._not_understood, remembering(turn.memory, self._domain, focus))
        slots = self._reader.forms[question.form].slots
        hint = next((slot.hint for slot in slots if slot.name == question.asks), "")
        again = question.model_copy(update={"repeated": True})
        text = f"Sorry? {question.text} {hint}".rstrip()
        return Say(text, remembering(turn.memory, self._domain, focus, again))


def _failed(turn: SkillTurn) -> bool:
    return any(not outcome.ok for outcome in turn.outcomes)
