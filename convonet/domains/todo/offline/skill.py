"""The offline skill of the todo domain: from a sentence to tool calls, questions and answers.

sentence ──► wish ──► (which todo? ask) ──► (value? sure? ask) ──► tool calls ──► what they answered
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from convonet.agents.skill import Call, Claim, Outcome, Say, SkillTurn, Step, UseTools
from convonet.domains.todo.offline import phrasing
from convonet.domains.todo.offline.answers import answered
from convonet.domains.todo.offline.finding import belongs, effect, meant, named
from convonet.domains.todo.offline.grammar import parse
from convonet.domains.todo.offline.intents import Change, Create, Fields, Intent, Listing, More, Named
from convonet.domains.todo.offline.memory import Focus, Question, focus_in, question_in, remembering
from convonet.domains.todo.offline.wishes import Drop, Repeat, Wish
from convonet.domains.todo.todos.schemas import Todo
from convonet.language.spoken import cleaned

_OWN_WORDS = re.compile(
    r"\b(?:(?:my|the|our|shopping) lists?|to-?dos?|to do list|tasks?|remind|reminders?|forget|remember to)\b",
    re.IGNORECASE,
)
"""Words that only this domain's sentences have."""

MOST_LOOKED_AT = 100
"""The most that get_todos lists."""


class TodoSkill:
    """See `convonet.agents.skill.Skill`."""

    def claims(self, turn: SkillTurn) -> Claim:
        """See `Skill.claims`."""
        question = question_in(turn.memory)
        found = _answered(question, turn) if question else None
        if isinstance(found, Repeat):
            return Claim.MAYBE
        if found is not None:
            return Claim.ANSWER
        match parse(cleaned(turn.said), turn.now):
            case None:
                return Claim.NONE
            case More():
                return Claim.SURE if focus_in(turn.memory).listed else Claim.NONE
            case Create(certain=False):
                return Claim.MAYBE
            case Change(target=target) if target.it and focus_in(turn.memory).last is None:
                # "change it": but nothing was talked about here
                return Claim.MAYBE
            case Change(target=target) if target.it:
                return Claim.SURE
            case _:
                return Claim.SURE if _OWN_WORDS.search(turn.said) else Claim.LIKELY

    def step(self, turn: SkillTurn) -> Step:
        """See `Skill.step`."""
        return _TodoTurn(turn).step()


def _wish(turn: SkillTurn) -> Wish | Drop | Repeat | None:
    question = question_in(turn.memory)
    if question and (found := _answered(question, turn)):
        return found
    intent = parse(cleaned(turn.said), turn.now)
    return Wish(intent) if intent else None


def _answered(question: Question, turn: SkillTurn) -> Wish | Drop | Repeat | None:
    found = answered(question, turn.said, turn.now)
    return None if isinstance(found, Repeat) and question.repeated else found


class _TodoTurn:
    """One turn: what is asked of it stays, the outcomes grow from step to step."""

    def __init__(self, turn: SkillTurn) -> None:
        self._turn = turn
        self._focus = focus_in(turn.memory)
        self._question = question_in(turn.memory)

    def step(self) -> Step:
        failed = next((outcome for outcome in self._turn.outcomes if not outcome.ok), None)
        if failed is not None:
            return self._say(failed.text)
        match _wish(self._turn):
            case Drop():
                asked_to_add = self._question is not None and isinstance(self._question.intent, Create)
                return self._say(phrasing.NOT_ADDED if asked_to_add else phrasing.LEFT)
            case Repeat():
                return self._ask_again()
            case Wish() as wish:
                return self._fulfil(wish)
            case None:
                return self._say(phrasing.NOT_UNDERSTOOD)

    def _fulfil(self, wish: Wish) -> Step:
        match wish.intent:
            case Create() as create:
                return self._create(create, agreed=wish.agreed)
            case Listing() as listing:
                return self._list(listing)
            case More():
                return self._read_on()
            case Change() as change:
                return self._change(change, wish)

    # -- adding and listing

    def _create(self, create: Create, *, agreed: bool) -> Step:
        title = create.fields.title
        if title is None:
            return self._ask("title", create, phrasing.ASK_TITLE)
        if not create.certain and not agreed:
            return self._ask("add", create, phrasing.ask_add(title))
        if self._turn.outcomes:
            return self._report(self._turn.outcomes)
        return UseTools((Call("create_todo", create.fields.given()),))

    def _list(self, listing: Listing) -> Step:
        if not self._turn.outcomes:
            return self._look({"completed": listing.state == "done"})
        todos = [todo for todo in self._looked_up() if belongs(todo, listing)]
        found = tuple(named(todos))
        heard = 0 if listing.only_count else 1 if listing.only_next else min(len(found), phrasing.MAX_SPOKEN)
        last = found[0] if len(found) == 1 or (found and listing.only_next) else self._focus.last
        return self._say(phrasing.listed(listing, todos), Focus(last=last, listed=found, heard=heard))

    def _read_on(self) -> Step:
        rest = [todo.title for todo in self._focus.listed[self._focus.heard :]]
        heard = self._focus.heard + min(len(rest), phrasing.MAX_SPOKEN)
        text = phrasing.rest_of(rest) if rest else phrasing.NOTHING_MORE
        return self._say(text, self._focus.model_copy(update={"heard": heard}))

    # -- changing what is there

    def _change(self, change: Change, wish: Wish) -> Step:
        chosen = wish.chosen or self._in_focus(change)
        if not chosen or change.action == "describe":
            if change.target.it and not chosen:
                return self._ask("which", change, phrasing.ASK_WHICH)
            if not self._turn.outcomes:
                return self._look({})
            if change.action == "describe":
                return self._describe(change, chosen)
            found = self._find(change)
            if isinstance(found, Say):
                return found
            chosen = found
        return self._act(change, chosen, agreed=wish.agreed)

    def _act(self, change: Change, chosen: tuple[Named, ...], *, agreed: bool) -> Step:
        effects = [outcome for outcome in self._turn.outcomes if outcome.tool != "get_todos"]
        if effects:
            return self._report(effects, change)
        if change.action == "update" and change.fields == Fields():
            return self._ask("value", change, phrasing.ask_value(change, chosen[0].title), chosen[:1])
        if change.action == "delete" and not agreed:
            return self._ask("sure", change, phrasing.ask_sure([todo.title for todo in chosen]), chosen)
        return UseTools(tuple(effect(change, todo) for todo in chosen))

    def _in_focus(self, change: Change) -> tuple[Named, ...]:
        target, focus = change.target, self._focus
        if target.it:
            return (focus.last,) if focus.last else ()
        placed = target.placed(focus.listed)
        return (placed,) if placed else ()

    def _find(self, change: Change) -> tuple[Named, ...] | Say:
        """The todos meant, or a question which of several, or word that there is none."""
        found, sure = meant(change, self._looked_up())
        if not found:
            return self._say(phrasing.not_found(change))
        if len(found) > 1 and change.target.all_of is None:
            return self._ask("which", change, phrasing.ask_which([todo.title for todo in found]), found)
        if not sure:
            return self._ask("mean", change, phrasing.ask_mean(found[0].title), found)
        return found

    def _describe(self, change: Change, chosen: tuple[Named, ...]) -> Step:
        if not chosen:
            found = self._find(change)
            if isinstance(found, Say):
                return found
            chosen = found
        todo = next((todo for todo in self._looked_up() if todo.id == chosen[0].id), None)
        if todo is None:
            return self._say(phrasing.not_found(change))
        return self._say(phrasing.described(todo), self._focus.model_copy(update={"last": chosen[0]}))

    # -- words and tools

    def _look(self, which: dict[str, object]) -> UseTools:
        return UseTools((Call("get_todos", {**which, "limit": MOST_LOOKED_AT}),))

    def _looked_up(self) -> list[Todo]:
        found = next((outcome for outcome in self._turn.outcomes if outcome.tool == "get_todos"), None)
        return [Todo.model_validate(todo) for todo in found.data.get("todos", [])] if found else []

    def _report(self, outcomes: Sequence[Outcome], change: Change | None = None) -> Say:
        touched = [Named(id=o.data["todo"]["id"], title=o.data["todo"]["title"]) for o in outcomes]
        gone = {todo.id for todo in touched} if change and change.action == "delete" else set()
        listed = tuple(todo for todo in self._focus.listed if todo.id not in gone)
        focus = Focus(last=None if gone else touched[-1], listed=listed, heard=min(self._focus.heard, len(listed)))
        if change is not None and (len(outcomes) > 1 or change.action == "reopen"):
            return self._say(phrasing.done(change, [todo.title for todo in touched]), focus)
        return self._say(outcomes[0].text, focus)

    def _ask_again(self) -> Say:
        question = self._question
        if question is None:
            return self._say(phrasing.NOT_UNDERSTOOD)
        again = question.model_copy(update={"repeated": True})
        return Say(f"Sorry? {question.text}", remembering(self._turn.memory, self._focus, again))

    def _ask(self, asks: str, intent: Intent, text: str, candidates: tuple[Named, ...] = ()) -> Say:
        question = Question.model_validate({"asks": asks, "intent": intent, "candidates": candidates, "text": text})
        return Say(text, remembering(self._turn.memory, self._focus, question))

    def _say(self, text: str, focus: Focus | None = None) -> Say:
        return Say(text, remembering(self._turn.memory, focus or self._focus))
