"""The slots of the todo forms. Replies are read as a whole, since most of them are titles in the caller's own words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from convonet.agents.forms.form import Reply, ReplyReader, Slot, Values, find_nothing
from convonet.domains.todo.offline.actions import written
from convonet.domains.todo.offline.grammar import parse
from convonet.domains.todo.offline.grammar.updating import value_of
from convonet.domains.todo.offline.grammar.words import fields_of, priority_of, target_of
from convonet.domains.todo.offline.intents import Change, Create, Fields, Named
from convonet.domains.todo.offline.matching import matches
from convonet.language.when import due_of

Read = Values | Literal["dropped", "unclear"] | None


def title() -> Slot:
    """Make a slot for the title of a new todo, perhaps with a due date and a priority."""
    return _slot("title", _title)


def which() -> Slot:
    """Make a slot for one of several todos, or for any todo when none was read out."""
    return _slot("which", _which)


def meant() -> Slot:
    """Make a slot for a yes to the todo with the closest title."""
    return _slot("meant", _meant)


def value() -> Slot:
    """Make a slot for the new value of an update."""
    return _slot("value", _value)


def _slot(name: str, read_reply: ReplyReader) -> Slot:
    return Slot(name, find_nothing, read_reply=read_reply)


def _title(reply: Reply) -> Read:
    if reply.said.answer in {"drop", "no"}:
        return "dropped"
    said = reply.said.cleaned
    intent = parse(said, reply.now)
    # "finish the report" is a command, but also an answer to "what should I add?"
    if not (intent is None or isinstance(intent, Create) or (isinstance(intent, Change) and intent.target.words)):
        return None
    new = intent.fields if isinstance(intent, Create) and intent.fields.title else fields_of(said, reply.now)
    old = Create.model_validate_json(reply.values["intent"]).fields
    fields = Fields(title=new.title or old.title, due=new.due or old.due, priority=new.priority or old.priority)
    return {"intent": Create(fields=fields).model_dump_json()}


def _which(reply: Reply) -> Read:
    if reply.said.answer in {"drop", "no"}:
        return "dropped"
    target, options = target_of(reply.said.cleaned), _options(reply)
    if target.all_of == "any" and options:
        return _chosen(options)
    if placed := target.placed(options):
        return _chosen([placed])
    if not target.it and not options:
        change = Change.model_validate_json(reply.values["intent"]).model_copy(update={"target": target})
        return None if _is_command(reply) else {"intent": change.model_dump_json()}
    found, _ = matches(target.words, options) if target.words else ([], False)
    if len(found) == 1:
        return _chosen(found)
    return None if _is_command(reply) else "unclear"


def _meant(reply: Reply) -> Read:
    match reply.said.answer:
        case "yes":
            return _chosen(_options(reply))
        case "no" | "drop":
            return "dropped"
    return None


def _value(reply: Reply) -> Read:
    if reply.said.answer in {"drop", "no"}:
        return "dropped"
    change = Change.model_validate_json(reply.values["intent"])
    fields = _fields_wanted(change, reply.said.cleaned, reply.now)
    if fields is None:
        return None if _is_command(reply) else "unclear"
    return {"intent": change.model_copy(update={"fields": fields}).model_dump_json()}


def _fields_wanted(change: Change, text: str, now: datetime) -> Fields | None:
    command = parse(text, now)
    if isinstance(command, Change) and command.action == "update" and command.fields != Fields():
        return command.fields
    match change.wants:
        case "due":
            due = due_of(text, now)
            return Fields(due=str(due)) if due else None
        case "priority":
            level = priority_of(text)
            return Fields(priority=level) if level else None
        case "title":
            return Fields(title=text) if text else None
        case "anything":
            return None if command else value_of(text, now)


def _is_command(reply: Reply) -> bool:
    intent = parse(reply.said.cleaned, reply.now)
    return intent is not None and not (isinstance(intent, Create) and not intent.certain)


def _options(reply: Reply) -> list[Named]:
    return [Named(id=option.value, title=option.label) for option in reply.options]


def _chosen(todos: Sequence[Named]) -> Values:
    return {"chosen": written(todos)}
