"""Answers to the skill's questions: yes or no, one of several, or the missing value."""

from __future__ import annotations

from datetime import datetime

from convonet.domains.todo.enums import Priority
from convonet.domains.todo.offline.grammar import parse
from convonet.domains.todo.offline.grammar.updating import value_of
from convonet.domains.todo.offline.intents import Change, Create, Fields
from convonet.domains.todo.offline.matching import matches
from convonet.domains.todo.offline.memory import Question
from convonet.domains.todo.offline.wishes import Drop, Repeat, Wish
from convonet.domains.todo.offline.words import fields_of, priority_of, target_of
from convonet.language.spoken import answer, cleaned
from convonet.language.when import due_of

Answered = Wish | Drop | Repeat | None


def answered(question: Question, said: str, now: datetime) -> Answered:
    """Read the answer; None when the sentence does not answer the question."""
    match question.asks:
        case "sure" | "add" | "mean":
            return _yes_or_no(question, said, now)
        case "which":
            return _one_of(question, said, now)
        case "title":
            return _title(question, said, now)
        case "value":
            return _value(question, said, now)


def _yes_or_no(question: Question, said: str, now: datetime) -> Answered:
    match answer(said):
        case "yes":
            return Wish(question.intent, question.candidates, agreed=question.asks != "mean")
        case "no" | "drop":
            return Drop()
    if question.asks == "add" and isinstance(parse(cleaned(said), now), Create):
        return None
    return None if parse(cleaned(said), now) else Repeat()


def _one_of(question: Question, said: str, now: datetime) -> Answered:
    if answer(said) in {"drop", "no"}:
        return Drop()
    target = target_of(cleaned(said))
    if target.all_of == "any" and question.candidates:
        return Wish(question.intent, question.candidates)
    if placed := target.placed(question.candidates):
        return Wish(question.intent, (placed,))
    if not target.it and not question.candidates and isinstance(question.intent, Change):
        return None if _command(said, now) else Wish(question.intent.model_copy(update={"target": target}))
    found, _ = matches(target.words, question.candidates) if target.words else ([], False)
    if len(found) == 1:
        return Wish(question.intent, (found[0],))
    return None if _command(said, now) else Repeat()


def _title(question: Question, said: str, now: datetime) -> Answered:
    if answer(said) in {"drop", "no"}:
        return Drop()
    if not isinstance(question.intent, Create):
        return None
    intent = parse(cleaned(said), now)
    if intent is not None and not isinstance(intent, Create) and not _may_be_title(intent):
        return None
    new = intent.fields if isinstance(intent, Create) and intent.fields.title else fields_of(cleaned(said), now)
    return Wish(Create(fields=merged(question.intent.fields, new)))


def _may_be_title(intent: object) -> bool:
    """ "Finish the report" is a command, but also an answer to "what should I add?"."""
    return isinstance(intent, Change) and bool(intent.target.words)


def _value(question: Question, said: str, now: datetime) -> Answered:
    if answer(said) in {"drop", "no"}:
        return Drop()
    if not isinstance(question.intent, Change):
        return None
    fields = _fields_wanted(question.intent, cleaned(said), now)
    if fields is None:
        return None if _command(said, now) else Repeat()
    return Wish(question.intent.model_copy(update={"fields": fields}), question.candidates)


def _fields_wanted(change: Change, text: str, now: datetime) -> Fields | None:
    command = parse(text, now)
    if isinstance(command, Change) and command.action == "update" and command.fields != Fields():
        return command.fields
    match change.wants:
        case "due":
            due = due_of(text, now)
            return Fields(due=str(due)) if due else None
        case "priority":
            level: Priority | None = priority_of(text)
            return Fields(priority=level) if level else None
        case "title":
            return Fields(title=text) if text else None
        case "anything":
            return None if command else value_of(text, now)


def _command(said: str, now: datetime) -> bool:
    intent = parse(cleaned(said), now)
    return intent is not None and not (isinstance(intent, Create) and not intent.certain)


def merged(old: Fields, new: Fields) -> Fields:
    """`new` over `old`."""
    return Fields(title=new.title or old.title, due=new.due or old.due, priority=new.priority or old.priority)
