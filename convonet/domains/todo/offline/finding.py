"""Finds the todos that a sentence means among the results of get_todos, and makes the tool calls that change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from convonet.agents.skill import Call
from convonet.domains.todo.offline.intents import Change, Listing, Named
from convonet.domains.todo.offline.matching import matches
from convonet.domains.todo.todos.schemas import Todo


def meant(change: Change, todos: Sequence[Todo]) -> tuple[tuple[Named, ...], bool]:
    """Return the todos that the change is about, and whether that is so sure that "did you mean" need not be asked."""
    target, possible = change.target, named(todo for todo in todos if _can(change, todo))
    if target.all_of is not None:
        return tuple(possible), True
    if placed := target.placed(possible):
        return (placed,), True
    if not target.words:
        return (), False
    found, sure = matches(target.words, possible)
    if not sure and change.action == "complete":
        # it may be finished already, perhaps by this turn before its replica died: finishing it again does no harm
        done, done_sure = matches(target.words, named(todo for todo in todos if todo.completed))
        if done_sure:
            return tuple(done), True
    return tuple(found), sure


def belongs(todo: Todo, listing: Listing) -> bool:
    """Return whether the todo is in the requested part of the list."""
    if listing.priority is not None and todo.priority != listing.priority:
        return False
    if listing.last_day is None:
        return True
    if todo.due_date is None:
        return False
    day = datetime.fromisoformat(todo.due_date).date().isoformat()
    return (listing.first_day or day) <= day <= listing.last_day


def named(todos: Iterable[Todo]) -> list[Named]:
    """Return todos as the conversation remembers them."""
    return [Named(id=todo.id, title=todo.title) for todo in todos]


def effect(change: Change, todo: Named) -> Call:
    """Return the tool call that makes the change to one todo."""
    match change.action:
        case "complete":
            return Call("complete_todo", {"id": todo.id})
        case "reopen":
            return Call("update_todo", {"id": todo.id, "completed": False})
        case "delete":
            return Call("delete_todo", {"id": todo.id})
        case _:
            return Call("update_todo", {"id": todo.id, **change.fields.given()})


def _can(change: Change, todo: Todo) -> bool:
    """Return whether the action makes sense for a todo in this state."""
    if change.target.all_of == "done" or change.action == "reopen":
        return todo.completed
    return change.action in {"delete", "describe"} or not todo.completed
