"""The intents of callers about todos, as the grammar reads them and an open question remembers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from convonet.domains.todo.enums import Priority


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Named(_Value):
    """A todo as the conversation remembers it."""

    id: str
    title: str


class Target(_Value):
    """The todo that is meant: by words of its title, by its place in what was read out, as "it", or all of a kind."""

    words: str = ""
    place: int | None = None
    """0 is the first, -1 the last."""
    it: bool = False
    all_of: Literal["any", "done"] | None = None

    def placed(self, todos: Sequence[Named]) -> Named | None:
        """Return the todo at the named place, if there are that many."""
        if self.place is None or not -len(todos) <= self.place < len(todos):
            return None
        return todos[self.place]


class Fields(_Value):
    """New values; None leaves a field as it is. `due` is ISO 8601 in the caller's zone."""

    title: str | None = None
    due: str | None = None
    priority: Priority | None = None

    def given(self) -> dict[str, str]:
        """Return the given values, under the names that the tools use."""
        values = {"title": self.title, "due_date": self.due, "priority": self.priority}
        return {name: str(value) for name, value in values.items() if value is not None}


class Create(_Value):
    kind: Literal["create"] = "create"
    fields: Fields = Fields()
    certain: bool = True
    """False when the sentence named a task but no list, so that the caller should be asked."""


class Listing(_Value):
    """Read the list, or count it."""

    kind: Literal["list"] = "list"
    state: Literal["open", "done"] = "open"
    first_day: str | None = None
    last_day: str | None = None
    """ISO dates between which the due date must be, both included."""
    period: str = ""
    """The caller's words for these days: "tomorrow"."""
    priority: Priority | None = None
    only_count: bool = False
    only_next: bool = False


class More(_Value):
    """Read the rest of the list."""

    kind: Literal["more"] = "more"


class Change(_Value):
    """Do something with todos that are on the list."""

    kind: Literal["change"] = "change"
    action: Literal["complete", "reopen", "delete", "update", "describe"]
    target: Target
    fields: Fields = Fields()
    wants: Literal["title", "due", "priority", "anything"] = "anything"
    """The field of an update, to ask for its value when none was said."""


Intent = Annotated[Create | Listing | More | Change, Field(discriminator="kind")]
