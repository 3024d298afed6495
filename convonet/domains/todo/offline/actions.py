"""The functions that carry out the forms in `forms`: their tool calls, questions and answers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from convonet.agents.forms.form import Ask, Confirm, Move, Option, Tell, Values, Work
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.todo.offline import speech
from convonet.domains.todo.offline.finding import belongs, effect, meant, named
from convonet.domains.todo.offline.intents import Change, Create, Fields, Listing, Named
from convonet.domains.todo.schemas import MAX_LISTED
from convonet.domains.todo.speech import MAX_SPOKEN
from convonet.domains.todo.todos.schemas import Todo

MAX_REMEMBERED = 30
"""Todos of a list to which "the third one" and "more" can still refer; the memory is saved at every turn."""

_TODOS = TypeAdapter(tuple[Named, ...])


def add(work: Work) -> Move:
    """Add a todo; ask first when the sentence only might be one."""
    create = Create.model_validate_json(work.values["intent"])
    if create.fields.title is None:
        return Ask("title", speech.ASK_TITLE)
    if not create.certain and not work.agreed:
        return Confirm(speech.ask_add(create.fields.title))
    if work.outcomes:
        return _report(work, work.outcomes)
    return UseTools((Call("create_todo", create.fields.given()),))


def read_list(work: Work) -> Move:
    """Read the list or a part of it, or count it."""
    listing = Listing.model_validate_json(work.values["intent"])
    if not work.outcomes:
        return _look_up({"completed": listing.state == "done"})
    todos = [todo for todo in _looked_up(work) if belongs(todo, listing)]
    found = named(todos)
    read_out = 0 if listing.only_count else 1 if listing.only_next else min(len(found), MAX_SPOKEN)
    last: Sequence[Named] = found[:1] if len(found) == 1 or listing.only_next else ()
    return Tell(speech.listed(listing, todos), _focus(last or _in_focus(work, "last"), found, read_out))


def read_on(work: Work) -> Move:
    """Read the rest of the list."""
    read_out = int(work.focus.get("read_out", "0"))
    rest = [todo.title for todo in _in_focus(work, "listed")[read_out:]]
    text = speech.rest_of(rest) if rest else speech.NOTHING_MORE
    return Tell(text, {"read_out": str(read_out + min(len(rest), MAX_SPOKEN))})


def change(work: Work) -> Move:
    """Change, finish, reopen, delete or look up the todos that the caller means."""
    change = Change.model_validate_json(work.values["intent"])
    chosen = _TODOS.validate_json(work.values.get("chosen", "[]")) or _talked_about(change, work)
    if chosen and change.action != "describe":
        return _carry_out(change, chosen, work)
    if change.target.it and not chosen:
        return Ask("which", speech.ASK_WHICH)
    if not work.outcomes:
        return _look_up({})
    found = chosen or _find(change, work)
    if not isinstance(found, tuple):
        return found
    return _describe(change, found[0], work) if change.action == "describe" else _carry_out(change, found, work)


def _carry_out(change: Change, chosen: tuple[Named, ...], work: Work) -> Move:
    effects = [outcome for outcome in work.outcomes if outcome.tool != "get_todos"]
    if effects:
        return _report(work, effects, change)
    if change.action == "update" and change.fields == Fields():
        values = {**work.values, "chosen": written(chosen[:1])}
        return Ask("value", speech.ask_value(change, chosen[0].title), values=values)
    if change.action == "delete" and not work.agreed:
        return Confirm(speech.ask_sure([todo.title for todo in chosen]), {"chosen": written(chosen)})
    return UseTools(tuple(effect(change, todo) for todo in chosen))


def written(todos: Sequence[Named]) -> str:
    """Encode todos as a value of a form or of the focus."""
    return _TODOS.dump_json(tuple(todos)).decode()


def _find(change: Change, work: Work) -> tuple[Named, ...] | Move:
    """Return the todos that the caller means, or a question which of several, or the answer that there are none."""
    found, sure = meant(change, _looked_up(work))
    if not found:
        return Tell(speech.not_found(change))
    options = tuple(Option(todo.title, todo.id) for todo in found)
    if len(found) > 1 and change.target.all_of is None:
        return Ask("which", speech.ask_which([todo.title for todo in found]), options)
    return found if sure else Ask("meant", speech.ask_mean(found[0].title), options)


def _describe(change: Change, chosen: Named, work: Work) -> Tell:
    todo = next((todo for todo in _looked_up(work) if todo.id == chosen.id), None)
    if todo is None:
        return Tell(speech.not_found(change))
    return Tell(speech.described(todo), {"last": written([chosen])})


def _report(work: Work, outcomes: Sequence[Outcome], change: Change | None = None) -> Tell:
    touched = [Named(id=o.data["todo"]["id"], title=o.data["todo"]["title"]) for o in outcomes]
    deleted = {todo.id for todo in touched} if change and change.action == "delete" else set()
    listed = [todo for todo in _in_focus(work, "listed") if todo.id not in deleted]
    read_out = min(int(work.focus.get("read_out", "0")), len(listed))
    text = outcomes[0].text
    if change is not None and (len(outcomes) > 1 or change.action == "reopen"):
        text = speech.done(change, [todo.title for todo in touched])
    return Tell(text, _focus(() if deleted else touched[-1:], listed, read_out))


def _look_up(which: dict[str, object]) -> UseTools:
    return UseTools((Call("get_todos", {**which, "limit": MAX_LISTED}),))


def _looked_up(work: Work) -> list[Todo]:
    return [Todo.model_validate(todo) for todo in (work.data("get_todos") or {}).get("todos", [])]


def _talked_about(change: Change, work: Work) -> tuple[Named, ...]:
    if change.target.it:
        return _in_focus(work, "last")
    placed = change.target.placed(_in_focus(work, "listed"))
    return (placed,) if placed else ()


def _in_focus(work: Work, name: str) -> tuple[Named, ...]:
    return _TODOS.validate_json(work.focus.get(name, "[]"))


def _focus(last: Sequence[Named], listed: Sequence[Named], read_out: int) -> Values:
    """`last` is what "it" means; of `listed`, the first `read_out` were read out."""
    return {"last": written(last), "listed": written(listed[:MAX_REMEMBERED]), "read_out": str(read_out)}
