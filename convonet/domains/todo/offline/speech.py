"""The sentences of the todo skill: short, and easy to follow by ear."""

from __future__ import annotations

from collections.abc import Sequence

from convonet.domains.speech import counted
from convonet.domains.todo.offline.intents import Change, Listing
from convonet.domains.todo.speech import MAX_SPOKEN, spoken_due
from convonet.domains.todo.todos.schemas import Todo
from convonet.language.sentences import enumerated

NOT_UNDERSTOOD = (
    "Sorry, I didn't understand that. You can say, for example: add buy milk to my list, what's on my list, "
    "or mark buy milk as done."
)
LEFT = "Okay, I left it as it is."

ASK_TITLE = "What should I add to your list?"
ASK_WHICH = "Which one do you mean?"
NOTHING_MORE = "That's all on your list."

_ACTIONS = {
    "complete": "mark as done",
    "reopen": "open again",
    "delete": "delete",
    "update": "change",
    "describe": "look up",
}
_DONE = {"complete": "Done", "delete": "I deleted"}


def ask_add(title: str) -> str:
    """Ask whether something that sounds like a todo should become one."""
    return f"Do you want me to add {title} to your list?"


def ask_value(change: Change, title: str) -> str:
    """Ask for the new value of an update."""
    asks = {
        "title": f"What should {title} be called?",
        "due": f"When is {title} due?",
        "priority": f"Which priority should {title} have: low, medium, high or urgent?",
        "anything": f"What should I change about {title}? You can say a new name, a due date or a priority.",
    }
    return asks[change.wants]


def ask_sure(titles: Sequence[str]) -> str:
    """Ask before something is deleted for good."""
    if len(titles) == 1:
        return f"Do you really want to delete {titles[0]}?"
    return f"That deletes {counted(len(titles), 'thing', 'things')}: {_some(titles)}. Are you sure?"


def ask_which(titles: Sequence[str]) -> str:
    """Ask which of several is meant."""
    return f"Which one do you mean: {enumerated(list(titles[:MAX_SPOKEN]), 'or')}?"


def ask_mean(title: str) -> str:
    """Ask whether the closest title is the one that is meant."""
    return f"Did you mean {title}?"


def not_found(change: Change) -> str:
    """Say that there is nothing that the caller's words could mean."""
    target = change.target
    if target.words:
        return f"I can't find {target.words} on your list."
    if target.place is not None:
        return "There aren't that many things on your list."
    if target.all_of == "done":
        return "There is nothing finished on your list."
    return f"There is nothing on your list to {_ACTIONS[change.action]}."


def done(change: Change, titles: Sequence[str]) -> str:
    """Describe changes of todos, where the tools' own sentences don't fit."""
    if change.action == "reopen":
        return f"Okay, {_some(titles)} {'is' if len(titles) == 1 else 'are'} open again."
    return f"{_DONE.get(change.action, 'Changed')}: {_some(titles)}."


def described(todo: Todo) -> str:
    """Describe one todo."""
    if todo.completed:
        return f"{todo.title} is done."
    priority = "" if todo.priority == "medium" else f", with {todo.priority} priority"
    return f"{todo.title} is on your list{spoken_due(todo.due_date) or ', without a due date'}{priority}."


def listed(listing: Listing, todos: Sequence[Todo]) -> str:
    """Answer a question about the list."""
    kind = " ".join(part for part in (listing.priority or "", "thing") if part)
    which = _which(listing)
    if not todos:
        return f"There is nothing{' of that kind' if listing.priority else ''}{which or ' on your list'}."
    number = f"one {kind}" if len(todos) == 1 else f"{len(todos)} {kind}s"
    if listing.only_count:
        return f"You have {number}{which or ' on your list'}."
    if listing.only_next:
        return f"Next is {todos[0].title}{spoken_due(todos[0].due_date)}."
    return f"You have {number}{which or ' on your list'}: {_some([todo.title for todo in todos])}."


def rest_of(titles: Sequence[str]) -> str:
    """Read the rest of the list."""
    return f"Then there {'is' if len(titles) == 1 else 'are'} {_some(titles)}."


def _which(listing: Listing) -> str:
    if listing.state == "done":
        return " done"
    if listing.period == "overdue":
        return " overdue"
    return f" due {_preposition(listing.period)}{listing.period}" if listing.period else ""


def _preposition(period: str) -> str:
    return "on " if period.lower().endswith("day") and period.lower() not in {"today"} and " " not in period else ""


def _some(titles: Sequence[str]) -> str:
    rest = len(titles) - MAX_SPOKEN
    if rest <= 0:
        return enumerated(list(titles))
    return f"{', '.join(titles[:MAX_SPOKEN])}, and {rest} more"
